// Package proxy stands between one program and the API server. It passes requests on as that program, tells of every write,
// and answers late, wrongly or not at all on request.
package proxy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"tradewind.dev/tradewind/test/chaos/history"
)

// Proxy is one program's way to the API server.
type Proxy struct {
	program string
	record  func(history.Write)
	server  *http.Server
	forward *httputil.ReverseProxy
	address string
	token   string
	root    []byte

	mu       sync.Mutex
	troubles map[*Trouble]bool
	watches  map[*context.CancelFunc]bool
}

// Start listens on a loopback address and passes requests on with the identity of upstream. record is called for every write
// that the API server has answered.
func Start(program string, upstream *rest.Config, record func(history.Write)) (*Proxy, error) {
	target, err := url.Parse(upstream.Host)
	if err != nil {
		return nil, err
	}
	transport, err := rest.TransportFor(upstream)
	if err != nil {
		return nil, err
	}
	certificate, root, err := serving()
	if err != nil {
		return nil, err
	}
	var secret [24]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, err
	}
	p := &Proxy{
		program: program, record: record, root: root, token: hex.EncodeToString(secret[:]),
		troubles: map[*Trouble]bool{}, watches: map[*context.CancelFunc]bool{},
	}
	silent := log.New(io.Discard, "", 0) // broken connections are what this is about
	p.forward = &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1, ErrorLog: silent,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Del("Authorization") // the transport's certificate says who it is
		},
		ModifyResponse: p.answered,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.address = "https://" + listener.Addr().String()
	p.server = &http.Server{
		Handler: http.HandlerFunc(p.serve), ErrorLog: silent, ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	go func() { _ = p.server.ServeTLS(listener, "", "") }()
	return p, nil
}

// Token is the secret that the program shows the proxy. It must not be in any log.
func (p *Proxy) Token() string { return p.token }

// Close ends the proxy and its connections.
func (p *Proxy) Close() error { return p.server.Close() }

// WriteKubeconfig writes the kubeconfig with which the program uses the proxy.
func (p *Proxy) WriteKubeconfig(path string) error {
	return clientcmd.WriteToFile(clientcmdapi.Config{
		CurrentContext: p.program,
		Clusters:       map[string]*clientcmdapi.Cluster{p.program: {Server: p.address, CertificateAuthorityData: p.root}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{p.program: {Token: p.token}},
		Contexts:       map[string]*clientcmdapi.Context{p.program: {Cluster: p.program, AuthInfo: p.program}},
	}, path)
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+p.token {
		http.Error(w, "not the proxy's program", http.StatusUnauthorized)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	watch := r.URL.Query().Get("watch") == "true" || r.URL.Query().Get("watch") == "1"
	p.mu.Lock()
	if watch {
		p.watches[&cancel] = true
		defer func() {
			p.mu.Lock()
			delete(p.watches, &cancel)
			p.mu.Unlock()
		}()
	}
	how := p.draw(watch)
	p.mu.Unlock()
	if how.partition {
		// Nothing comes back. The program's own deadline ends the request, or this does, so that none outlives the fault.
		select {
		case <-ctx.Done():
		case <-time.After(how.delay):
		}
		panic(http.ErrAbortHandler)
	}
	if how.delay > 0 {
		select {
		case <-ctx.Done():
			panic(http.ErrAbortHandler)
		case <-time.After(how.delay):
		}
	}
	switch {
	case how.reset:
		panic(http.ErrAbortHandler)
	case how.code > 0:
		refuse(w, how.code)
	default:
		p.forward.ServeHTTP(w, r.WithContext(context.WithValue(ctx, loseKey{}, how.lose)))
	}
}

// loseKey marks a request whose answer is to be lost.
type loseKey struct{}

// answered tells of the write that the API server has just answered, and loses the answer where that was asked for.
func (p *Proxy) answered(response *http.Response) error {
	if write, is := describe(response.Request); is {
		write.Program, write.Code = p.program, response.StatusCode
		p.record(write)
	}
	if lose, _ := response.Request.Context().Value(loseKey{}).(bool); lose {
		return fmt.Errorf("the answer is lost")
	}
	return nil
}

func refuse(w http.ResponseWriter, code int) {
	w.Header().Set("Content-Type", "application/json")
	if code == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":"chaos","code":%d}`,
		strings.ReplaceAll(http.StatusText(code), " ", ""), code)
}

// describe says what a request writes.
func describe(r *http.Request) (history.Write, bool) {
	verb, is := map[string]string{
		http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete",
	}[r.Method]
	if !is {
		return history.Write{}, false
	}
	part := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	skip := map[string]int{"api": 2, "apis": 3}[part[0]]
	if skip == 0 || len(part) <= skip {
		return history.Write{}, false
	}
	part = part[skip:]
	w := history.Write{Verb: verb}
	if part[0] == "namespaces" && len(part) > 2 {
		w.Namespace, part = part[1], part[2:]
	}
	w.Resource = part[0]
	if len(part) > 1 {
		w.Name = part[1]
	}
	if len(part) > 2 {
		w.Resource += "/" + part[2]
	}
	return w, true
}

// serving makes a certificate for the loopback address that is its own authority.
func serving() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "chaos proxy"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
