package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
)

const (
	pollTime = 200 * time.Millisecond
	// patience is how long the demo waits for what takes seconds.
	patience = 5 * time.Minute
)

// connect makes the client that the demo looks at the cluster with; everything that it changes, it changes with kubectl.
func (d *demo) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", d.kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 200, 200
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	d.client, err = client.New(config, client.Options{Scheme: scheme})
	return err
}

// snapshot reads the cluster as the tradewind command does.
func (d *demo) snapshot(ctx context.Context) (*state.Snapshot, error) {
	return state.Collect(ctx, d.client, state.CollectOptions{Location: location.DefaultOptions()}, time.Now())
}

// await polls until the condition holds.
func await(ctx context.Context, what string, condition func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		done, err := condition(ctx)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w; look with KEEP=1 and `bin/tradewind-testbed logs tradewind-scheduler --testbed %s`", what, context.Cause(ctx), bedName)
		case <-time.After(pollTime):
		}
	}
}

// awaitRunning waits until every Deployment of the namespace has as many running pods as it wants.
func (d *demo) awaitRunning(ctx context.Context, namespace string) error {
	return d.step("pods are scheduled and run", func(say func(string)) error {
		return await(ctx, "the pods of "+namespace+" to run", func(ctx context.Context) (bool, error) {
			wanted, err := d.wantedReplicas(ctx, namespace)
			if err != nil {
				return false, err
			}
			var pods corev1.PodList
			if err := d.client.List(ctx, &pods, client.InNamespace(namespace)); err != nil {
				return false, err
			}
			running := 0
			for i := range pods.Items {
				if pods.Items[i].Status.Phase == corev1.PodRunning {
					running++
				}
			}
			say(fmt.Sprintf("%d of %d", running, wanted))
			return running == wanted && wanted > 0, nil
		})
	})
}

// awaitMessage waits for the scheduler's word on a pod that it cannot place.
func (d *demo) awaitMessage(ctx context.Context, namespace, name string) error {
	return await(ctx, "the scheduler's word on pod "+name, func(ctx context.Context) (bool, error) {
		var events corev1.EventList
		if err := d.client.List(ctx, &events, client.InNamespace(namespace)); err != nil {
			return false, err
		}
		for i := range events.Items {
			if events.Items[i].InvolvedObject.Name == name && events.Items[i].Reason == "FailedScheduling" {
				return true, nil
			}
		}
		return false, nil
	})
}

// awaitPolicies waits until the controller has said of each policy of the namespace whether it is in force.
func (d *demo) awaitPolicies(ctx context.Context, namespace string) error {
	return await(ctx, "the policies to be in force", func(ctx context.Context) (bool, error) {
		var policies v1alpha1.PlacementPolicyList
		if err := d.client.List(ctx, &policies, client.InNamespace(namespace)); err != nil {
			return false, err
		}
		for i := range policies.Items {
			status := &policies.Items[i].Status
			if status.ObservedGeneration != policies.Items[i].Generation || status.SelectedPods == 0 {
				return false, nil
			}
		}
		return len(policies.Items) > 0, nil
	})
}

// awaitNoPods waits until a namespace has no pods.
func (d *demo) awaitNoPods(ctx context.Context, namespace string) error {
	return await(ctx, "the pods of "+namespace+" to be gone", func(ctx context.Context) (bool, error) {
		var pods corev1.PodList
		err := d.client.List(ctx, &pods, client.InNamespace(namespace))
		return len(pods.Items) == 0, err
	})
}

// wantedReplicas is how many pods the Deployments of a namespace want.
func (d *demo) wantedReplicas(ctx context.Context, namespace string) (int, error) {
	var deployments appsv1.DeploymentList
	if err := d.client.List(ctx, &deployments, client.InNamespace(namespace)); err != nil {
		return 0, err
	}
	wanted := 0
	for i := range deployments.Items {
		if replicas := deployments.Items[i].Spec.Replicas; replicas != nil {
			wanted += int(*replicas)
		}
	}
	return wanted, nil
}
