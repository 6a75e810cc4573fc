package workload

import (
	"cmp"
	"strings"
)

// Key names a workload, or the revision of one: the object that controls pods directly.
type Key struct {
	// Cluster that it is in; empty in a cluster that has no name, and for what runs in several.
	Cluster string
	// Kind of the object ("Deployment"); empty where a name alone is given, as policies do of what is called.
	Kind string
	// Namespace and Name of the object.
	Namespace, Name string
}

// String is kind, namespace and name: "Deployment shop/web".
func (k Key) String() string {
	out := k.Namespace + "/" + k.Name
	if k.Kind != "" {
		out = k.Kind + " " + out
	}
	if k.Cluster != "" {
		out += " in cluster " + k.Cluster
	}
	return out
}

// Compare orders keys by cluster, namespace, name and kind.
func (k Key) Compare(other Key) int {
	return cmp.Or(strings.Compare(k.Cluster, other.Cluster), strings.Compare(k.Namespace, other.Namespace),
		strings.Compare(k.Name, other.Name), strings.Compare(k.Kind, other.Kind))
}

// AnyKind is the key of what has this name, of whatever kind.
func (k Key) AnyKind() Key {
	k.Kind = ""
	return k
}
