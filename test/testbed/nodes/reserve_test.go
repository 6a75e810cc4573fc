package nodes

import (
	"math"
	"testing"
)

// TestGKE compares with Google's published steps, added up by hand.
func TestGKE(t *testing.T) {
	for cores, want := range map[int64]int64{1: 60, 2: 70, 4: 80, 8: 90, 16: 110, 32: 150, 64: 230} {
		if got := progressiveCPU(cores * 1000); got != want {
			t.Errorf("%d cores: %d millicores reserved, want %d", cores, got, want)
		}
	}
	for gibibytes, want := range map[int64]float64{ // GiB
		1: 0.25, 4: 1, 6: 1 + 0.4, 8: 1 + 0.8, 16: 1 + 0.8 + 0.8, 128: 1 + 0.8 + 0.8 + 6.72, 256: 1 + 0.8 + 0.8 + 6.72 + 2.56,
	} {
		if got := float64(gkeMemory(gibibytes*gibi)) / float64(gibi); math.Abs(got-want) > 1e-6 {
			t.Errorf("%d GiB: %v reserved, want %v", gibibytes, got, want)
		}
	}
	if got := gkeMemory(gibi / 2); got != 255*mebi {
		t.Errorf("half a GiB: %d reserved, want 255 MiB", got)
	}
	shared := &draft{pool: &Pool{InstanceType: "e2-small"}, facts: gcpProvider(), machine: machine{milliCPU: 2000}}
	if r, pods := reserveGKE(shared, 2*gibi); r.milliCPU != 1060 || pods != 110 {
		t.Errorf("e2-small: %d millicores reserved and %d pods, want 1060 and 110", r.milliCPU, pods)
	}
}

// TestAKS compares with the table and the examples of "Node resource reservations" in the AKS documentation.
func TestAKS(t *testing.T) {
	for cores, want := range map[int64]int64{1: 60, 2: 100, 4: 140, 8: 180, 16: 260, 32: 420, 64: 740, 48: 580, 96: 1060} {
		if got := aksCPU(cores * 1000); got != want {
			t.Errorf("%d cores: %d millicores reserved, want %d", cores, got, want)
		}
	}
	for _, c := range []struct {
		memory  int64
		maxPods int
		want    int64
	}{
		{8 * gibi, 30, 650 * mebi},
		{4 * gibi, 70, gibi}, // 25 %, less than 1450 MiB
	} {
		d := &draft{pool: &Pool{MaxPods: &c.maxPods}, facts: azureProvider(), machine: machine{milliCPU: 2000}}
		if r, _ := reserveAKS(d, c.memory); r.memoryBytes-evictionMemory != c.want {
			t.Errorf("%d GiB and %d pods: %d MiB reserved, want %d", c.memory/gibi, c.maxPods, (r.memoryBytes-evictionMemory)/mebi, c.want/mebi)
		}
	}
}

// TestEKS compares with Amazon's list of pods by instance type (eni-max-pods.txt) and with the reservations that its
// AMIs compute.
func TestEKS(t *testing.T) {
	for instanceType, want := range map[string]int64{
		"m5.large": 29, "m5.xlarge": 58, "m5.2xlarge": 58, "m5.4xlarge": 234, "m5.12xlarge": 234, "m5.16xlarge": 737,
		"m5.24xlarge": 737, "c5.large": 29, "c5.9xlarge": 234, "c5.18xlarge": 737, "t3.micro": 4, "t3.small": 11,
		"t3.medium": 17, "t3.large": 35, "t3.xlarge": 58, "m4.large": 20, "m7g.medium": 8, "g4dn.xlarge": 29,
	} {
		if got := eniPods(instanceType, 2); got != want {
			t.Errorf("%s: %d pods, want %d", instanceType, got, want)
		}
	}
	for _, c := range []struct {
		instanceType                            string
		milliCPU, wantCPU, wantMemory, wantPods int64
	}{
		{"m5.large", 2000, 70, 255 + 11*29 + 100, 29},
		{"m5.xlarge", 4000, 80, 255 + 11*58 + 100, 58},
		{"m5.4xlarge", 16000, 110, 255 + 11*234 + 100, 110}, // under 30 virtual CPUs: at most 110 pods
		{"m5.16xlarge", 64000, 230, 255 + 11*737 + 100, 250},
	} {
		d := &draft{pool: &Pool{Cloud: "aws", InstanceType: c.instanceType}, facts: awsProvider(), machine: machine{milliCPU: c.milliCPU}}
		r, pods := reserveEKS(d, 0)
		if r.milliCPU != c.wantCPU || r.memoryBytes != c.wantMemory*mebi || pods != c.wantPods {
			t.Errorf("%s: %d millicores, %d MiB, %d pods; want %d, %d, %d", c.instanceType, r.milliCPU, r.memoryBytes/mebi, pods,
				c.wantCPU, c.wantMemory, c.wantPods)
		}
	}
}
