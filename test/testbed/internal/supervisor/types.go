package supervisor

import "time"

// File names inside a bed's directory.
const (
	lockFile   = "lock"
	socketFile = "control.sock"
	// LogDir is the folder of the bed's directory that holds one log file a program.
	LogDir = "logs"
)

// Process describes a program to run.
type Process struct {
	// Name identifies the program within the bed and names its log file.
	Name string `json:"name"`
	// Cluster is the cluster that the program's memory is counted for; empty when it serves all clusters.
	Cluster string `json:"cluster,omitempty"`
	// Path is the executable, Args its arguments without the program name.
	Path string   `json:"path"`
	Args []string `json:"args,omitempty"`
	// Env is added to the supervisor's own environment.
	Env []string `json:"env,omitempty"`
	// Dir is the working directory; empty means the bed's directory.
	Dir string `json:"dir,omitempty"`
	// Graceful programs are sent SIGTERM and given time to end; others are killed at once.
	Graceful bool `json:"graceful,omitempty"`
}

// ProcessStatus is what is known of a program.
type ProcessStatus struct {
	Name    string `json:"name"`
	Cluster string `json:"cluster,omitempty"`
	PID     int    `json:"pid"`
	Running bool   `json:"running"`
	// Exit says how an ended program ended ("exit status 1", "signal: killed"); empty while it runs.
	Exit      string    `json:"exit,omitempty"`
	StartedAt time.Time `json:"startedAt"`
	// ResidentBytes is the resident set of the process (VmRSS): pages that it shares with other programs count in each.
	// It and ProportionalBytes are zero unless they were asked for.
	ResidentBytes int64 `json:"residentBytes"`
	// ProportionalBytes is the resident set in which a page shared by n processes counts 1/n in each (PSS).
	ProportionalBytes int64 `json:"proportionalBytes"`
	// Log is the path of the file with the program's standard output and error.
	Log string `json:"log"`
}

// Status is the state of a bed's programs. The supervisor itself is the first of them.
type Status struct {
	// Owned is true while the bed ends with the process that started it.
	Owned     bool            `json:"owned"`
	Processes []ProcessStatus `json:"processes"`
}

// Find returns the program of that name.
func (s Status) Find(name string) (ProcessStatus, bool) {
	for _, p := range s.Processes {
		if p.Name == name {
			return p, true
		}
	}
	return ProcessStatus{}, false
}
