package e2e

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/test/testbed"
)

// TestInstallation applies the installation's objects to a cluster and waits until its pods run: the API server takes every
// object, and the namespace's pod security lets the pods in. The containers are simulated.
func TestInstallation(t *testing.T) {
	bed := testbed.Start(t, testbed.Options{
		Nodes: "pools:\n- {cloud: aws, region: eu-west-1, instanceType: m7i.large, count: 2}\n",
	})
	cluster := bed.Cluster(t, "")
	cluster.Apply(t, "../../deploy/crds", "../../deploy/install/namespace.yaml", "../../deploy/install/rbac",
		"../../deploy/install/node-guard.yaml", "../../deploy/install/scheduler.yaml", "../../deploy/install/controller.yaml")
	client := cluster.Client()
	waitFor(t, "the deployments to be available", func(ctx context.Context) error {
		list, err := client.AppsV1().Deployments("tradewind-system").List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for i := range list.Items {
			status := &list.Items[i].Status
			if status.AvailableReplicas != 2 {
				return fmt.Errorf("%s has %d replicas: %+v", list.Items[i].Name, status.AvailableReplicas, status.Conditions)
			}
		}
		if len(list.Items) != 2 {
			return fmt.Errorf("there are %d", len(list.Items))
		}
		return nil
	})
	pods, err := client.CoreV1().Pods("tradewind-system").
		List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=tradewind-controller"})
	if err != nil {
		t.Fatal(err)
	}
	hosts := map[string][]corev1.Pod{}
	for _, pod := range pods.Items {
		hosts[pod.Spec.NodeName] = append(hosts[pod.Spec.NodeName], pod)
	}
	if len(hosts) != 2 {
		t.Errorf("the two replicas run on %d nodes", len(hosts))
	}
}
