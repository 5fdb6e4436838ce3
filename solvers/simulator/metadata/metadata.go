// Package metadata is a stand-in for what gives the keys of a role without asking for a signature: the metadata services of a machine at
// Alibaba Cloud (ECS, by the second version of its protocol alone) and at Tencent Cloud (CVM), and a credentials URI as Alibaba Cloud's
// SDKs ask one.
//
// Sources: https://help.aliyun.com/zh/ecs/user-guide/view-instance-metadata, https://cloud.tencent.com/document/product/213/4934,
// https://github.com/aliyun/alibaba-cloud-sdk-go/blob/v1.63.107/sdk/auth/credentials/uri_credentials_provider.go.
package metadata

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// Node is a machine at a cloud, or what stands beside a program, that has a role or none.
type Node struct {
	cloud *cloud.Cloud

	mu     sync.Mutex
	arn    string
	lasts  time.Duration
	tokens map[string]time.Time // until when they are good
}

// NewNode returns one without a role.
func NewNode(c *cloud.Cloud) *Node { return &Node{cloud: c, tokens: map[string]time.Time{}} }

// Attach gives the node a role of its cloud, whose sessions last for a time, in place of the one that it had.
func (n *Node) Attach(arn string, lasts time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.arn, n.lasts = arn, lasts
}

// Detach takes the role away.
func (n *Node) Detach() { n.Attach("", 0) }

// role is the name of the role, "" for none.
func (n *Node) role() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.arn[strings.LastIndex(n.arn, "/")+1:]
}

// grant gives a session of the role.
func (n *Node) grant() (cloud.Key, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cloud.Grant(cloud.Session{Role: n.arn, Name: "i-0123456789", Lasts: n.lasts})
}

// form puts a key as a service does.
type form func(cloud.Key) map[string]any

func alibaba(k cloud.Key) map[string]any {
	return map[string]any{
		"Code": "Success", "AccessKeyId": k.ID, "AccessKeySecret": k.Secret, "SecurityToken": k.Token, "Expiration": k.Expires.UTC().Format(time.RFC3339),
	}
}

func tencent(k cloud.Key) map[string]any {
	return map[string]any{
		"Code": "Success", "TmpSecretId": k.ID, "TmpSecretKey": k.Secret, "Token": k.Token,
		"ExpiredTime": k.Expires.Unix(), "Expiration": k.Expires.UTC().Format(time.RFC3339),
	}
}

// maxTTL is how many seconds a token is good at most.
const maxTTL = 21600

// ECS is the metadata service of an instance at Alibaba Cloud.
func (n *Node) ECS() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /latest/api/token", n.issueToken)
	n.serveRole(mux, "/latest/meta-data/ram/security-credentials/", alibaba, n.knows)
	return mux
}

// CVM is the metadata service of an instance at Tencent Cloud.
func (n *Node) CVM() http.Handler {
	mux := http.NewServeMux()
	n.serveRole(mux, "/latest/meta-data/cam/security-credentials/", tencent, func(*http.Request) bool { return true })
	return mux
}

// URI is what a credentials URI names.
func (n *Node) URI() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { n.writeKey(w, alibaba) })
}

func (n *Node) issueToken(w http.ResponseWriter, r *http.Request) {
	seconds, err := strconv.Atoi(r.Header.Get("X-Aliyun-Ecs-Metadata-Token-Ttl-Seconds"))
	if err != nil || seconds < 1 || seconds > maxTTL {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	token := rand.Text()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tokens[token] = n.cloud.Clock().Add(time.Duration(seconds) * time.Second)
	_, _ = io.WriteString(w, token) // the client may be gone; there is nobody else to tell
}

// knows tells whether a request has a token that is good.
func (n *Node) knows(r *http.Request) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cloud.Clock().Before(n.tokens[r.Header.Get("X-Aliyun-Ecs-Metadata-Token")])
}

// serveRole says which role there is and, by its name, gives its keys.
func (n *Node) serveRole(mux *http.ServeMux, path string, as form, may func(*http.Request) bool) {
	mux.HandleFunc("GET "+path+"{role...}", func(w http.ResponseWriter, r *http.Request) {
		wanted, role := r.PathValue("role"), n.role()
		switch {
		case !may(r):
			w.WriteHeader(http.StatusForbidden)
		case role == "" || wanted != "" && wanted != role:
			w.WriteHeader(http.StatusNotFound)
		case wanted == "":
			_, _ = io.WriteString(w, role)
		default:
			n.writeKey(w, as)
		}
	})
}

func (n *Node) writeKey(w http.ResponseWriter, as form) {
	key, err := n.grant()
	if err != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	body, err := json.Marshal(as(key))
	if err != nil { // only texts and numbers go in
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // as above
}
