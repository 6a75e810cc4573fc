// Package history is what a run of the chaos suite saw and did, in the order of time: the truth about nodes and policies as
// the suite made it, what its own watches saw, and every write of Tradewind's programs as their proxies passed it on. The
// checker reads nothing else.
package history

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Event is one entry. Exactly one of the pointers is set.
type Event struct {
	Time    time.Time `json:"time"`
	Times   *Times    `json:"times,omitempty"`
	Fault   *Fault    `json:"fault,omitempty"`
	Node    *Node     `json:"node,omitempty"`
	Rules   *Rules    `json:"rules,omitempty"`
	Pod     *Pod      `json:"pod,omitempty"`
	Write   *Write    `json:"write,omitempty"`
	Plan    *Plan     `json:"plan,omitempty"`
	Fence   *Fence    `json:"fence,omitempty"`
	Run     *Run      `json:"run,omitempty"`
	Trouble *Trouble  `json:"trouble,omitempty"`
	Quiet   *Quiet    `json:"quiet,omitempty"`
	Usage   *Usage    `json:"usage,omitempty"`
	Log     *Log      `json:"log,omitempty"`
}

// Times are those of the cluster. They come first.
type Times struct {
	// Unreachable is how long a machine is silent before Kubernetes calls it unreachable.
	Unreachable time.Duration `json:"unreachable"`
	// Lease is how long a machine's lease holds after it was renewed.
	Lease time.Duration `json:"lease"`
}

// Fault is the beginning or the end of a fault.
type Fault struct {
	ID    int    `json:"id"`
	Text  string `json:"text"`
	Ended bool   `json:"ended,omitempty"`
	// Problem is why it could not be made; empty when it was.
	Problem string `json:"problem,omitempty"`
}

// State of a machine.
type State string

// What a machine can be.
const (
	Alive State = "alive"
	// Dead machines run nothing.
	Dead State = "dead"
	// CutOff machines run their pods, but do not reach the API server.
	CutOff State = "cut-off"
	// Deleted machines are dead, and their Node objects are gone.
	Deleted State = "deleted"
)

// Node is what a node truly is from now on, whatever its labels say.
type Node struct {
	Name         string `json:"name"`
	Cloud        string `json:"cloud"`
	Region       string `json:"region"`
	Zone         string `json:"zone"`
	Country      string `json:"country"`
	InstanceType string `json:"instanceType"`
	Spot         bool   `json:"spot,omitempty"`
	State        State  `json:"state"`
	// Takes says that the suite keeps no pods off it by taints or by shrinking it.
	Takes bool `json:"takes"`
}

// Rules are what the policies in force truly demand of a workload from now on.
type Rules struct {
	Workload string `json:"workload"`
	Replicas int    `json:"replicas"`
	// Countries and Clouds that replicas may be in; all when empty.
	Countries []string `json:"countries,omitempty"`
	Clouds    []string `json:"clouds,omitempty"`
	Failover  bool     `json:"failover,omitempty"`
	Failback  bool     `json:"failback,omitempty"`
	Rebalance bool     `json:"rebalance,omitempty"`
	// MaxUnavailable replicas may be away for a move.
	MaxUnavailable int `json:"maxUnavailable,omitempty"`
	// Stays is how long a replica stays that was moved.
	Stays time.Duration `json:"stays,omitempty"`
}

// Pod is a pod as a watch of the suite saw it.
type Pod struct {
	UID       string `json:"uid"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Workload  string `json:"workload"`
	Node      string `json:"node,omitempty"`
	Ready     bool   `json:"ready,omitempty"`
	Ending    bool   `json:"ending,omitempty"`
	Gone      bool   `json:"gone,omitempty"`
}

// Write is a request of one of Tradewind's programs that changes something, and the API server's answer.
type Write struct {
	Program string `json:"program"`
	// Verb is create, update, patch or delete.
	Verb string `json:"verb"`
	// Resource with its subresource: "pods", "pods/eviction".
	Resource  string `json:"resource"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Code is the API server's, also when the program never saw the answer.
	Code int `json:"code"`
}

// Done says that the API server did what was asked for.
func (w *Write) Done() bool { return w.Code >= 200 && w.Code < 300 }

// Plan is what a Placement says.
type Plan struct {
	Workload string `json:"workload"`
	UID      string `json:"uid"`
	Replicas int    `json:"replicas"`
	// Decisions are replicas by place; see Place.
	Decisions map[string]int `json:"decisions,omitempty"`
}

// Place is a kind of machine somewhere, as Plan.Decisions names it.
func Place(cloud, region, instanceType string, spot bool) string {
	if spot {
		instanceType += " spot"
	}
	return cloud + " " + region + " " + instanceType
}

// Fence is the taint node.kubernetes.io/out-of-service of Tradewind on a node, or its end.
type Fence struct {
	Node string `json:"node"`
	On   bool   `json:"on"`
}

// Run is the begin or the end of a pod's containers on a machine, as the machine knows it.
type Run struct {
	UID      string `json:"uid"`
	Workload string `json:"workload"`
	// Identity is NAMESPACE/NAME of a StatefulSet's pod, empty for others.
	Identity string `json:"identity,omitempty"`
	Node     string `json:"node"`
	On       bool   `json:"on"`
}

// Trouble is the begin or the end of what keeps a program from working.
type Trouble struct {
	Program string `json:"program"`
	On      bool   `json:"on"`
	// Deaf troubles keep news from it: it is stopped, or nothing comes through. Others spoil its requests, and what it
	// watches goes on.
	Deaf bool `json:"deaf,omitempty"`
}

// Quiet is the begin of a time without faults, and its end.
type Quiet struct {
	On bool `json:"on"`
	// Settled says at the end that everything was ready in time; Waiting says what was not.
	Settled bool     `json:"settled,omitempty"`
	Waiting []string `json:"waiting,omitempty"`
	Seconds float64  `json:"seconds,omitempty"`
}

// Usage is what a program takes at the end of a quiet time.
type Usage struct {
	Program       string `json:"program"`
	PID           int    `json:"pid"`
	ResidentBytes int64  `json:"residentBytes"`
	Files         int    `json:"files"`
	Goroutines    int    `json:"goroutines"`
}

// Log is something in a program's log that must not be there. It is not quoted: it may be a secret.
type Log struct {
	Program string `json:"program"`
	Line    int    `json:"line"`
	What    string `json:"what"`
}

// Recorder keeps events and writes each as a line of JSON.
type Recorder struct {
	mu     sync.Mutex
	events []Event
	lines  *json.Encoder
}

// NewRecorder returns a Recorder that writes to w.
func NewRecorder(w io.Writer) *Recorder { return &Recorder{lines: json.NewEncoder(w)} }

// Add records an event, now unless it has a time.
func (r *Recorder) Add(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	r.events = append(r.events, e)
	_ = r.lines.Encode(e) // the file is for people who look into a failure
}

// Events returns what was recorded so far.
func (r *Recorder) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events[:len(r.events):len(r.events)]
}
