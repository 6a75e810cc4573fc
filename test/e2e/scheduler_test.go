package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"tradewind.dev/tradewind/test/testbed"
)

// scheduler is a running tradewind-scheduler.
type scheduler struct {
	program *testbed.Program
	address string
	client  *http.Client
}

// startScheduler runs tradewind-scheduler with the restricted identity of its installation until the bed ends or stop is
// called, and returns when it answers.
func startScheduler(t *testing.T, cluster *testbed.Cluster, name string, args ...string) *scheduler {
	t.Helper()
	return startSchedulerAs(t, cluster, name, "", args...)
}

// startSchedulerAs is startScheduler, which also writes the id of the process to a file. That file's folder is where the
// process has its temporary files.
func startSchedulerAs(t *testing.T, cluster *testbed.Cluster, name, pidFile string, args ...string) *scheduler {
	t.Helper()
	path, err := schedulerProgram()
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	s := &scheduler{
		address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		client:  clientFor(clientCertificates(t, cluster.Config())),
	}
	spec := testbed.ProgramSpec{
		Name: name, Path: path, User: testbed.TradewindScheduler,
		Args: append([]string{
			"--kubeconfig={kubeconfig}", "--authentication-kubeconfig={kubeconfig}", "--authorization-kubeconfig={kubeconfig}",
			"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(port), "--v=2",
		}, args...),
	}
	if pidFile != "" {
		spec.Env = []string{"TMPDIR=" + filepath.Dir(pidFile)}
		spec.Path, spec.Args = "/bin/sh", append([]string{"-c", `echo $$ > "$0"; exec "$@"`, pidFile, path}, spec.Args...)
	}
	s.program = cluster.StartProgram(t, spec)
	waitFor(t, "tradewind-scheduler to answer", func(ctx context.Context) error {
		if !s.program.Running(t) {
			t.Fatalf("tradewind-scheduler ended:\n%s", s.program.Log(t))
		}
		_, err := s.get(ctx, "/healthz")
		return err
	})
	return s
}

// clientFor is a client with certificates of its own. The scheduler makes its serving certificate itself, in memory, so
// nobody can vouch for it.
func clientFor(certificates []tls.Certificate) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		Certificates: certificates, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12,
	}}}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

func clientCertificates(t *testing.T, config *rest.Config) []tls.Certificate {
	t.Helper()
	loaded, err := rest.TLSConfigFor(config)
	if err != nil {
		t.Fatal(err)
	}
	if len(loaded.Certificates) == 0 && loaded.GetClientCertificate != nil {
		certificate, err := loaded.GetClientCertificate(&tls.CertificateRequestInfo{})
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{*certificate}
	}
	return loaded.Certificates
}

func (s *scheduler) get(ctx context.Context, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.address+path, nil)
	if err != nil {
		return "", err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %s", path, response.Status, body)
	}
	return string(body), err
}

// metric is the sum of a metric's samples whose labels contain all of the given ones (`queue="active"`).
func (s *scheduler) metric(ctx context.Context, name string, labels ...string) (float64, error) {
	text, err := s.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	sum := 0.0
samples:
	for line := range strings.Lines(text) {
		series, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		found, set, labelled := strings.Cut(series, "{")
		if !labelled {
			found, value, ok = strings.Cut(strings.TrimSpace(line), " ")
			set = ""
		}
		if !ok || found != name {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(set, label) {
				continue samples
			}
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, errors.Join(fmt.Errorf("metric %s", name), err)
		}
		sum += number
	}
	return sum, nil
}

// mustMetric is metric in a test.
func (s *scheduler) mustMetric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	value, err := s.metric(t.Context(), name, labels...)
	if err != nil {
		t.Fatal(err)
	}
	return value
}
