// Package heartbeat renews the leases of simulated nodes as kubelets do: every node by itself, at a time of its own.
package heartbeat

import (
	"context"
	"math/rand/v2"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

const (
	// renewals and jitter are the kubelet's: a lease is renewed after a quarter of its duration and up to 4% of that more.
	renewals = 4
	jitter   = 0.04
	// attempts at a time, as the kubelet's.
	attempts = 5
)

// Interval is how long after its last renewal at the earliest a lease is renewed.
func Interval(lease time.Duration) time.Duration { return lease / renewals }

// first is how long a kubelet waits before its first renewal. One that starts makes its lease at once; one that is there
// again after a silence, when its turn comes. The second renewal of either comes at any time of an interval, so that the
// nodes' renewals are spread over it however they were added.
func first(known bool, interval time.Duration) time.Duration {
	if !known {
		return 0
	}
	return phase(interval)
}

func phase(interval time.Duration) time.Duration { return rand.N(interval) }

// Run renews the leases of the nodes that the label selector selects, until the context ends. A node that it selects no
// more is silent from then on.
func Run(ctx context.Context, client kubernetes.Interface, selector string, lease time.Duration) error {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.LabelSelector = selector
	}))
	alive := map[string]context.CancelFunc{}
	nodes := factory.Core().V1().Nodes().Informer()
	_, err := nodes.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) {
			if node, ok := object.(*corev1.Node); ok {
				k := &kubelet{leases: client.CoordinationV1().Leases(corev1.NamespaceNodeLease), node: node, lease: lease}
				var living context.Context
				living, alive[node.Name] = context.WithCancel(ctx)
				go k.run(living)
			}
		},
		DeleteFunc: func(object any) {
			if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = gone.Obj
			}
			if node, ok := object.(*corev1.Node); ok {
				alive[node.Name]()
				delete(alive, node.Name)
			}
		},
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	<-ctx.Done()
	factory.Shutdown()
	for _, end := range alive {
		end()
	}
	return nil
}

// kubelet is the heart of one.
type kubelet struct {
	leases coordinationclient.LeaseInterface
	node   *corev1.Node
	lease  time.Duration
	last   *coordinationv1.Lease
}

func (k *kubelet) run(ctx context.Context) {
	interval := Interval(k.lease)
	known := k.find(ctx) == nil // without an answer the first renewal finds out
	pause := first(known, interval)
	for next := phase(interval); sleep(ctx, pause); {
		switch err := k.renew(ctx); {
		case err != nil && ctx.Err() == nil:
			klog.ErrorS(err, "Renew a lease", "node", k.node.Name)
			pause = min(time.Second, interval)
		case next > 0:
			pause, next = next, 0
		default:
			pause = wait.Jitter(interval, jitter)
		}
	}
}

// sleep returns false when the context ends before the pause.
func sleep(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}

// renew renews the lease, or makes it anew when it is gone. What others wrote of it meanwhile costs another attempt.
func (k *kubelet) renew(ctx context.Context) error {
	var err error
	for range attempts {
		if err = k.write(ctx); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (k *kubelet) write(ctx context.Context) error {
	if k.last == nil {
		if err := k.find(ctx); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	now := metav1.NewMicroTime(time.Now())
	if k.last == nil {
		seconds := int32(k.lease.Seconds())
		created, err := k.leases.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: k.node.Name, OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "v1", Kind: "Node", Name: k.node.Name, UID: k.node.UID,
			}}},
			Spec: coordinationv1.LeaseSpec{HolderIdentity: &k.node.Name, LeaseDurationSeconds: &seconds, RenewTime: &now},
		}, metav1.CreateOptions{})
		if err == nil {
			k.last = created
		}
		return err
	}
	renewed := k.last.DeepCopy()
	renewed.Spec.RenewTime = &now
	k.last = nil // unless the API server says otherwise
	updated, err := k.leases.Update(ctx, renewed, metav1.UpdateOptions{})
	if err == nil {
		k.last = updated
	}
	return err
}

// find reads the lease as it is.
func (k *kubelet) find(ctx context.Context) error {
	found, err := k.leases.Get(ctx, k.node.Name, metav1.GetOptions{})
	if err == nil {
		k.last = found
	}
	return err
}
