package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// disk is a volume that a claim of the same name is bound to. affinity is its spec.nodeAffinity, or empty.
func (e *env) disk(name, source, affinity string) {
	e.Helper()
	e.apply(fmt.Sprintf(`
apiVersion: v1
kind: PersistentVolume
metadata: {name: NAMESPACE-%s}
spec:
  accessModes: [ReadWriteOnce]
  capacity: {storage: 1Gi}
  storageClassName: ""
  %s
  %s
`, name, source, affinity))
	// The controller that binds them looks only now and then at a claim whose volume it did not know.
	e.wait("volume "+name+" to be seen", func(ctx context.Context) error {
		volume, err := e.client.CoreV1().PersistentVolumes().Get(ctx, e.ns+"-"+name, metav1.GetOptions{})
		if err == nil && volume.Status.Phase != corev1.VolumeAvailable {
			err = fmt.Errorf("it is %s", volume.Status.Phase)
		}
		return err
	})
	e.apply(fmt.Sprintf(`
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: %[1]s
  namespace: NAMESPACE
  annotations: {pv.kubernetes.io/bind-completed: "yes"}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
  storageClassName: ""
  volumeName: NAMESPACE-%[1]s
`, name))
}

func inRegion(region string) string {
	return "nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: topology.kubernetes.io/region, operator: In, values: [" +
		region + "]}]}]}}"
}

const (
	awsDisk   = "csi: {driver: ebs.csi.aws.com, volumeHandle: vol-0123456789abcdef0}"
	fileShare = "nfs: {server: 10.0.0.1, path: /}"
)

func TestVolumesOutsideTheJurisdiction(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, `
pools:
- {name: ireland, cloud: aws, region: eu-west-1, instanceType: m7i.large}
- {name: virginia, cloud: aws, region: us-east-1, instanceType: m7i.large}
`)
	e.disk("european", awsDisk, inRegion("eu-west-1"))
	e.disk("american", awsDisk, inRegion("us-east-1"))
	e.disk("share", fileShare, "")
	e.clusterPolicy("eu", "residency: {jurisdictions: [EU]}")

	e.pod("european", claim("european"))
	if got := e.placed("european"); got != "ireland" {
		t.Errorf("a pod with a disk in Ireland is in %s", got)
	}
	e.pod("american", claim("american"))
	e.waits("american", "0/2 nodes: the volume of claim american is outside residency EU")
	// Nobody says where the file server is.
	e.pod("share", claim("share"))
	e.waits("share", "0/2 nodes: the volume of claim share is without a known country (residency EU)")
}

func TestVolumesToBeProvisioned(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, `
pools:
- {name: ireland, cloud: aws, region: eu-west-1, zone: eu-west-1a, instanceType: m7i.large}
- {name: virginia, cloud: aws, region: us-east-1, zone: us-east-1a, instanceType: m7i.large}
`)
	for name, zone := range map[string]string{"irish": "eu-west-1a", "virginian": "us-east-1a"} {
		e.apply(fmt.Sprintf(`
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: %[1]s}
provisioner: ebs.csi.aws.com
volumeBindingMode: WaitForFirstConsumer
allowedTopologies: [{matchLabelExpressions: [{key: topology.kubernetes.io/zone, values: [%[2]s]}]}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: %[1]s, namespace: NAMESPACE}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, storageClassName: %[1]s}
`, name, zone))
	}
	e.clusterPolicy("eu", "residency: {jurisdictions: [EU]}")
	e.pod("virginian", claim("virginian"))
	e.waits("virginian", "0/2 nodes: StorageClass virginian of claim virginian is outside residency EU")

	// The disk of the other pod comes next to its node: the scheduler asks the provisioner for it there.
	e.pod("irish", claim("irish"))
	e.wait("the disk to be asked for", func(ctx context.Context) error {
		found, err := e.client.CoreV1().PersistentVolumeClaims(e.ns).Get(ctx, "irish", metav1.GetOptions{})
		if err != nil {
			return err
		}
		node := found.Annotations["volume.kubernetes.io/selected-node"]
		if node == "" {
			return errors.New("no node is selected")
		}
		if pool := e.poolOf(node); pool != "ireland" {
			t.Fatalf("the disk is asked for on %s in %s", node, pool)
		}
		return nil
	})
}
