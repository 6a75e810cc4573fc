package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"tradewind.dev/tradewind/test/chaos/history"
)

// start returns a proxy before a server that says who asked for what, a client of it, and what it recorded.
func start(t *testing.T) (p *Proxy, client *http.Client, seen func() []history.Write) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") == "true" {
			_, _ = fmt.Fprintln(w, "first")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		_, _ = fmt.Fprint(w, r.Header.Get("Authorization"))
	}))
	t.Cleanup(server.Close)
	var mu sync.Mutex
	var writes []history.Write
	p, err := Start("controller", &rest.Config{Host: server.URL, BearerToken: "real"}, func(w history.Write) {
		mu.Lock()
		defer mu.Unlock()
		writes = append(writes, w)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := p.WriteKubeconfig(path); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	if client, err = rest.HTTPClientFor(config); err != nil {
		t.Fatal(err)
	}
	return p, client, func() []history.Write {
		mu.Lock()
		defer mu.Unlock()
		return append([]history.Write(nil), writes...)
	}
}

func do(client *http.Client, method, url string) (int, string, error) {
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

func TestIdentity(t *testing.T) {
	p, client, _ := start(t)
	if code, body, err := do(client, http.MethodGet, p.address+"/api/v1/pods"); err != nil || code != 200 || body != "Bearer real" {
		t.Errorf("answer %d %q %v; want the real identity at the API server", code, body, err)
	}
	stranger := &http.Client{Transport: client.Transport.(interface{ WrappedRoundTripper() http.RoundTripper }).WrappedRoundTripper()}
	if code, _, err := do(stranger, http.MethodGet, p.address+"/api/v1/pods"); err != nil || code != http.StatusUnauthorized {
		t.Errorf("a stranger gets %d %v", code, err)
	}
}

func TestWrites(t *testing.T) {
	p, client, seen := start(t)
	for _, c := range []struct{ method, path, want string }{
		{http.MethodGet, "/api/v1/pods", ""},
		{http.MethodPost, "/api/v1/namespaces/shop/pods/web-1/eviction", "create pods/eviction shop web-1"},
		{http.MethodDelete, "/api/v1/namespaces/shop/pods/web-1", "delete pods shop web-1"},
		{http.MethodPatch, "/api/v1/nodes/a", "patch nodes  a"},
		{http.MethodPut, "/apis/tradewind.dev/v1alpha1/namespaces/shop/placements/web/status", "update placements/status shop web"},
		{http.MethodPost, "/api/v1/namespaces", "create namespaces  "},
		{http.MethodPost, "/healthz", ""},
	} {
		before := len(seen())
		if _, _, err := do(client, c.method, p.address+c.path); err != nil {
			t.Fatal(err)
		}
		got := ""
		if all := seen(); len(all) > before {
			w := all[before]
			got = strings.Join([]string{w.Verb, w.Resource, w.Namespace, w.Name}, " ")
			if !w.Done() || w.Program != "controller" {
				t.Errorf("%s %s: %+v", c.method, c.path, w)
			}
		}
		if got != c.want {
			t.Errorf("%s %s is taken for %q, not %q", c.method, c.path, got, c.want)
		}
	}
}

func TestTroubles(t *testing.T) {
	p, client, seen := start(t)
	end := p.Begin(Trouble{Fail: 1, Codes: []int{http.StatusTooManyRequests}})
	if code, body, err := do(client, http.MethodGet, p.address+"/api/v1/pods"); code != http.StatusTooManyRequests ||
		!strings.Contains(body, "TooManyRequests") {
		t.Errorf("failing: %d %q %v", code, body, err)
	}
	end()
	end = p.Begin(Trouble{Reset: 1})
	if _, _, err := do(client, http.MethodDelete, p.address+"/api/v1/namespaces/shop/pods/a"); err == nil || len(seen()) != 0 {
		t.Errorf("reset: error %v, passed on %v", err, seen())
	}
	end()
	end = p.Begin(Trouble{Lose: 1})
	if _, _, err := do(client, http.MethodDelete, p.address+"/api/v1/namespaces/shop/pods/a"); err == nil ||
		len(seen()) == 0 || !seen()[0].Done() {
		t.Errorf("lost answer: error %v, passed on %v; want both", err, seen())
	}
	end()
	if code, _, err := do(client, http.MethodGet, p.address+"/api/v1/pods"); code != http.StatusOK {
		t.Errorf("after the troubles: %d %v", code, err)
	}
}

func TestPartition(t *testing.T) {
	p, client, _ := start(t)
	response, err := client.Get(p.address + "/api/v1/pods?watch=true")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	if !lines.Scan() || lines.Text() != "first" {
		t.Fatalf("the watch says %q", lines.Text())
	}
	end := p.Begin(Trouble{Partition: true})
	if lines.Scan() {
		t.Errorf("the watch goes on through a partition: %q", lines.Text())
	}
	client.Timeout = 200 * time.Millisecond
	if code, _, err := do(client, http.MethodGet, p.address+"/api/v1/pods"); err == nil {
		t.Errorf("an answer through a partition: %d", code)
	}
	end()
	client.Timeout = 0
	if code, _, err := do(client, http.MethodGet, p.address+"/api/v1/pods"); code != http.StatusOK {
		t.Errorf("after the partition: %d %v", code, err)
	}
}
