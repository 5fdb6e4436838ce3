package admission

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"

	"github.com/certyun/certyun/admission/policy"
	"github.com/certyun/certyun/admission/rule"
)

// policyInterval is how often a policy file is looked at. A mounted ConfigMap takes the kubelet a minute to change.
const policyInterval = 5 * time.Second

// policyFile holds the policy in force and reads its file again when it changes. Reading decided is safe at any time.
type policyFile struct {
	file    string
	rules   []rule.Rule
	decided atomic.Pointer[policy.Decided]
	valid   prometheus.Gauge

	// last is what the file held when it was last understood or refused, and lastErr why it was refused.
	last    []byte
	lastErr error
}

// newPolicyFile reads the policy for the first time. Without a file it is the default policy for good. The gauge says
// whether the file can be used.
func newPolicyFile(file string, rules []rule.Rule, valid prometheus.Gauge) (*policyFile, error) {
	s := &policyFile{file: file, rules: rules, valid: valid}
	return s, s.read()
}

// read puts the file's policy in force. Where it cannot be used, the policy that is in force stays.
func (s *policyFile) read() error {
	err := s.readFile()
	s.valid.Set(1)
	if err != nil {
		s.valid.Set(0)
	}
	return err
}

func (s *policyFile) readFile() error {
	var raw []byte
	if s.file != "" {
		var err error
		if raw, err = os.ReadFile(s.file); err != nil {
			return fmt.Errorf("--policy: %w", err)
		}
	}
	if s.decided.Load() != nil && bytes.Equal(raw, s.last) {
		return s.lastErr
	}
	s.last = raw
	decided, err := policy.Read(raw, s.rules)
	if err != nil {
		s.lastErr = fmt.Errorf("--policy %s: %w", s.file, err)
		return s.lastErr
	}
	s.lastErr = nil
	s.decided.Store(decided)
	return nil
}

// watch reads the file again and again until ctx ends, and logs what changes.
func (s *policyFile) watch(ctx context.Context) {
	if s.file == "" {
		return
	}
	ticker := time.NewTicker(policyInterval)
	defer ticker.Stop()
	complaint := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		before := s.decided.Load()
		err := s.read()
		switch {
		case err != nil && err.Error() != complaint:
			klog.ErrorS(err, "The policy file cannot be used; the policy that was read before stays in force")
		case s.decided.Load() != before:
			klog.InfoS("Read the policy anew", "file", s.file)
		}
		complaint = ""
		if err != nil {
			complaint = err.Error()
		}
	}
}
