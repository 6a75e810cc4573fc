package app

import (
	"os"
	"slices"
	"testing"

	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/validation"
)

func TestReadyConfig(t *testing.T) {
	ready, err := readyConfig()
	if err != nil {
		t.Fatal(err)
	}
	if err := validation.ValidateKubeSchedulerConfiguration(ready); err != nil {
		t.Error(err)
	}
	var names []string
	for i := range ready.Profiles {
		names = append(names, ready.Profiles[i].SchedulerName)
	}
	if want := []string{"tradewind", "tradewind-cost", "tradewind-latency"}; !slices.Equal(names, want) {
		t.Errorf("profiles %v, want %v", names, want)
	}
}

// A configuration of one's own is read from its file; without one the flags hold over the ready configuration. Neither
// needs a file to be written.
func TestConfigurations(t *testing.T) {
	own := t.TempDir() + "/own.yaml"
	text := "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nleaderElection: {leaderElect: false}\nprofiles: [{schedulerName: own}]\n"
	if err := os.WriteFile(own, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	kubeconfig := t.TempDir() + "/kubeconfig"
	text = "{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}], contexts: [{name: c, context: {cluster: c}}], current-context: c}"
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", "/dev/null/no-folder")
	t.Setenv("KUBECONFIG", "")
	for _, tt := range []struct {
		name    string
		args    []string
		profile string
		elect   bool
	}{
		{"ready", []string{"--kubeconfig", kubeconfig}, "tradewind", true},
		{"ready with flags", []string{"--kubeconfig", kubeconfig, "--leader-elect=false"}, "tradewind", false},
		{"one's own", []string{"--config", own, "--master", "https://127.0.0.1:1"}, "own", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opts := options.NewOptions()
			flags := opts.Flags.FlagSet("all")
			for name, set := range opts.Flags.FlagSets {
				if name != "all" {
					flags.AddFlagSet(set)
				}
			}
			if err := flags.Parse(append(tt.args, "--secure-port=0")); err != nil {
				t.Fatal(err)
			}
			completed, made, err := setUp(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			if got := completed.ComponentConfig.Profiles[0].SchedulerName; got != tt.profile {
				t.Errorf("first profile %s, want %s", got, tt.profile)
			}
			if _, ok := made.Profiles[tt.profile]; !ok {
				t.Errorf("the scheduler has no profile %s", tt.profile)
			}
			if got := completed.ComponentConfig.LeaderElection.LeaderElect; got != tt.elect {
				t.Errorf("leader election %t, want %t", got, tt.elect)
			}
			if tt.profile == "tradewind" && completed.ComponentConfig.ClientConnection.Kubeconfig != kubeconfig {
				t.Errorf("kubeconfig %q", completed.ComponentConfig.ClientConnection.Kubeconfig)
			}
		})
	}
}
