package bed

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"tradewind.dev/tradewind/test/testbed/internal/pki"
)

// Users that every cluster knows, by the short name that the command line and tests use.
const (
	// Admin may do everything.
	Admin = "admin"
	// TradewindScheduler and TradewindController are the service accounts of Tradewind's programs, as installed in
	// the namespace tradewind-system: they may do what the installed roles let them.
	TradewindScheduler  = "tradewind-scheduler"
	TradewindController = "tradewind-controller"
)

// identity is what a client certificate says.
type identity struct {
	user   string
	groups []string
}

// The control plane's own identities, with the names that Kubernetes' built-in roles are bound to, and the project's.
var wellKnown = map[string]identity{
	Admin:                     {"testbed-admin", []string{"system:masters"}},
	"kube-controller-manager": {"system:kube-controller-manager", nil},
	"kube-scheduler":          {"system:kube-scheduler", nil},
	"kwok":                    {"testbed-kwok", nil},
	TradewindScheduler:        serviceAccount("tradewind-system", "tradewind-scheduler"),
	TradewindController:       serviceAccount("tradewind-system", "tradewind-controller"),
}

const serviceAccountPrefix = "system:serviceaccount:"

// serviceAccount returns the user name and groups that Kubernetes gives the bearer of a service account's token.
func serviceAccount(namespace, name string) identity {
	return identity{
		user:   serviceAccountPrefix + namespace + ":" + name,
		groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace},
	}
}

// identityOf resolves a user as people write it: a well-known short name, a service account by its full user name
// (system:serviceaccount:NAMESPACE:NAME), or any other user name.
func identityOf(user string, groups []string) (identity, error) {
	if user == "" {
		return identity{}, errors.New("user name: must not be empty")
	}
	id, known := wellKnown[user]
	if !known {
		id = identity{user: user}
		if rest, is := strings.CutPrefix(user, serviceAccountPrefix); is {
			namespace, name, ok := strings.Cut(rest, ":")
			if !ok || namespace == "" || name == "" || strings.Contains(name, ":") {
				return identity{}, fmt.Errorf("user name %q: a service account is written %sNAMESPACE:NAME", user, serviceAccountPrefix)
			}
			id = serviceAccount(namespace, name)
		}
	}
	return identity{user: id.user, groups: append(append([]string{}, id.groups...), groups...)}, nil
}

var unsafeInFile = regexp.MustCompile(`[^a-zA-Z0-9.-]+`)

// Kubeconfig returns the path of a kubeconfig with which a client is the given user in the given groups (see
// identityOf for what a user may be), and makes it when it does not exist. Without a user it is the administrator's.
func (c *Cluster) Kubeconfig(user string, groups ...string) (string, error) {
	if user == "" || user == Admin && len(groups) == 0 {
		return c.ClusterState.Kubeconfig, nil
	}
	id, err := identityOf(user, groups)
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256([]byte(strings.Join(append([]string{id.user}, id.groups...), "\x00")))
	file := filepath.Join(c.dir(), "users", unsafeInFile.ReplaceAllString(user, "-")+"-"+hex.EncodeToString(hash[:4])+".kubeconfig")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	authority, err := pki.ReadAuthority(filepath.Join(c.dir(), "pki", "ca"))
	if err != nil {
		return "", err
	}
	return file, c.writeKubeconfig(file, authority, id)
}

// Config returns a client configuration for the given user; see Kubeconfig.
func (c *Cluster) Config(user string, groups ...string) (*rest.Config, error) {
	path, err := c.Kubeconfig(user, groups...)
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	config.QPS, config.Burst = -1, 0 // the client's default of 5 requests a second would hide everything else
	return config, nil
}

func (c *Cluster) writeKubeconfig(file string, authority *pki.Authority, id identity) error {
	pair, err := authority.Client(id.user, id.groups...)
	if err != nil {
		return err
	}
	name := "tradewind-" + c.bed.Name + "-" + c.Name
	config := clientcmdapi.Config{
		CurrentContext: name,
		Clusters:       map[string]*clientcmdapi.Cluster{name: {Server: c.Server, CertificateAuthorityData: authority.Certificate}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{id.user: {ClientCertificateData: pair.Certificate, ClientKeyData: pair.Key}},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: id.user}},
	}
	data, err := clientcmd.Write(config)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, writeErr := temporary.Write(data)
	if err := errors.Join(writeErr, temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), file) // whole or not at all: other processes may make it too
}
