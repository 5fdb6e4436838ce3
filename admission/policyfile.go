package admission

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/policy"
	"github.com/certyun/certyun/admission/rule"
)

// policyInterval is how often a policy file is looked at. A mounted ConfigMap takes the kubelet a minute to change.
const policyInterval = 5 * time.Second

// policyFile holds the policy in force, and what it knows of CAs, and reads their files again when they change. Reading decided and note
// is safe at any time.
type policyFile struct {
	file string
	// data is a file with CA data, "" for none.
	data    string
	rules   []rule.Rule
	decided atomic.Pointer[policy.Decided]
	valid   prometheus.Gauge
	// noted is what is to be said of the policy with each review, "" or nil while it is right.
	noted atomic.Pointer[string]

	// last and lastData are what the files held when they were last read, lastErr what is wrong with them, and whole tells whether what
	// is in force is all of some files.
	last     []byte
	lastData []byte
	lastErr  error
	whole    bool
}

// newPolicyFile reads the policy and the CA data for the first time. Without a file it is the default policy for good. The gauge says
// whether all of the files is in force. A mistake in one is no reason not to serve: the rest of it is used. A file that is not there is
// an error.
func newPolicyFile(file, data string, rules []rule.Rule, valid prometheus.Gauge) (*policyFile, error) {
	s := &policyFile{file: file, data: data, rules: rules, valid: valid}
	err := s.read()
	if s.decided.Load() == nil {
		return nil, err
	}
	if err != nil {
		klog.ErrorS(err, "The policy file has a mistake; the rest of it is in force")
	}
	return s, nil
}

// read puts the file's policy in force. Where something is wrong with it, a policy that was right stays in force; where there is none,
// the usable part of the file is.
func (s *policyFile) read() error {
	err := s.readFile()
	s.valid.Set(1)
	note := ""
	if err != nil {
		s.valid.Set(0)
		note = s.complaint(err)
	}
	s.noted.Store(&note)
	return err
}

func (s *policyFile) readFile() error {
	raw, err := readNamed("--policy", s.file)
	if err != nil {
		return err
	}
	data, err := readNamed("--ca-data", s.data)
	if err != nil {
		return err
	}
	if s.decided.Load() != nil && bytes.Equal(raw, s.last) && bytes.Equal(data, s.lastData) {
		return s.lastErr
	}
	s.last, s.lastData = raw, data
	known, dataErr := ca.Known().Extended(data)
	if dataErr != nil {
		dataErr = fmt.Errorf("--ca-data %s: %w", s.data, dataErr)
	}
	decided, err := policy.ReadWith(known, raw, s.rules)
	if err != nil {
		err = fmt.Errorf("--policy %s: %w", s.file, err)
	}
	s.lastErr = errors.Join(dataErr, err)
	if s.lastErr == nil || !s.whole {
		s.decided.Store(decided)
		s.whole = s.lastErr == nil
	}
	return s.lastErr
}

// readNamed reads the file of a flag, where it has one.
func readNamed(flag, file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return raw, nil
}

// complaint is what is said with each review: to people who apply objects, and cannot mend the policy.
func (s *policyFile) complaint(err error) string {
	inForce := "is used in part"
	if s.whole {
		inForce = "is not used: the one before it is"
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	first = strings.TrimPrefix(strings.TrimPrefix(first, "--policy "+s.file+": "), "--ca-data "+s.data+": ")
	return fmt.Sprintf("[certyun] the policy of this cluster has a mistake and %s; tell who runs it: %s", inForce, first)
}

// note is what is to be said of the policy with each review, "" while it is right.
func (s *policyFile) note() string {
	if noted := s.noted.Load(); noted != nil {
		return *noted
	}
	return ""
}

// watch reads the file again and again until ctx ends, and logs what changes.
func (s *policyFile) watch(ctx context.Context) {
	if s.file == "" && s.data == "" {
		return
	}
	ticker := time.NewTicker(policyInterval)
	defer ticker.Stop()
	complaint := s.note()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		before := s.decided.Load()
		err := s.read()
		switch {
		case err != nil && s.note() != complaint:
			klog.ErrorS(err, "The policy file has a mistake", "policyBeforeInForce", s.whole)
		case err == nil && s.decided.Load() != before:
			klog.InfoS("Read the policy anew", "file", s.file)
		}
		complaint = s.note()
	}
}
