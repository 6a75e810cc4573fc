package performance

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/test/utils/ktesting"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
)

// placements returns the pods and the nodes by name.
func placements(tCtx ktesting.TContext) ([]corev1.Pod, map[string]*corev1.Node, error) {
	pods, err := tCtx.Client().CoreV1().Pods("").List(tCtx, metav1.ListOptions{})
	if err != nil {
		return nil, nil, err
	}
	nodes, err := tCtx.Client().CoreV1().Nodes().List(tCtx, metav1.ListOptions{})
	if err != nil {
		return nil, nil, err
	}
	byName := map[string]*corev1.Node{}
	for i := range nodes.Items {
		byName[nodes.Items[i].Name] = &nodes.Items[i]
	}
	return pods.Items, byName, nil
}

// checkAllPlaced fails when a pod has no node.
func checkAllPlaced(tCtx ktesting.TContext, r *run) error {
	pods, nodes, err := placements(tCtx)
	if err != nil {
		return err
	}
	if want := r.scenario.pods + r.scenario.pods/10; len(pods) != want {
		return fmt.Errorf("%d pods, want %d", len(pods), want)
	}
	for i := range pods {
		if nodes[pods[i].Spec.NodeName] == nil {
			return fmt.Errorf("pod %s/%s is on no known node (%q)", pods[i].Namespace, pods[i].Name, pods[i].Spec.NodeName)
		}
	}
	return nil
}

// checkPolicies fails when a pod is where its policy forbids it: what is measured must be what is promised.
func checkPolicies(tCtx ktesting.TContext, r *run) error {
	if err := checkAllPlaced(tCtx, r); err != nil {
		return err
	}
	pods, nodes, err := placements(tCtx)
	if err != nil {
		return err
	}
	union, err := location.ParseJurisdictions([]string{"EU"})
	if err != nil {
		return err
	}
	type count struct {
		all, spot int
		clouds    map[string]int
	}
	counts := map[string]*count{}
	for i := range pods {
		pod, at := &pods[i], location.FromNode(nodes[pods[i].Spec.NodeName], location.DefaultOptions())
		if !union.Contains(at.Country) {
			return fmt.Errorf("pod %s/%s is in %s, outside its residency EU", pod.Namespace, pod.Name, at.Location)
		}
		key := pod.Namespace + "/" + pod.Labels["app"]
		if counts[key] == nil {
			counts[key] = &count{clouds: map[string]int{}}
		}
		counts[key].all++
		counts[key].clouds[at.Cloud]++
		if at.CapacityType == v1alpha1.CapacitySpot {
			counts[key].spot++
		}
	}
	const maxCloudPercent, maxSpotPercent, minClouds = 60, 60, 2 // of testdata/policy.yaml
	for key, count := range counts {
		if count.spot*100 > count.all*maxSpotPercent {
			return fmt.Errorf("%s: %d of %d replicas on spot capacity, over %d%%", key, count.spot, count.all, maxSpotPercent)
		}
		if len(count.clouds) < minClouds {
			return fmt.Errorf("%s: on %d clouds, wants %d", key, len(count.clouds), minClouds)
		}
		for cloud, replicas := range count.clouds {
			if replicas*100 > count.all*maxCloudPercent {
				return fmt.Errorf("%s: %d of %d replicas on %s, over %d%%", key, replicas, count.all, cloud, maxCloudPercent)
			}
		}
	}
	return nil
}
