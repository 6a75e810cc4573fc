package main

import (
	"math"
	"strings"

	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

const gcpPrices = "prices/gcp_gce_prices_2026-07.csv"

// readGCP reads the prices of Google Cloud.
func readGCP(folder string) (*cloudBuilder, error) {
	prices := catalogfile.Provenance{Source: "Cyclenerd/google-cloud-pricing-cost-calculator", Date: "2026-07", Licence: "Apache-2.0"}
	b := newCloudBuilder(catalogfile.Cloud{ID: "gcp", OnDemand: []catalogfile.Provenance{prices}, Spot: prices})
	if err := readTable(folder, gcpPrices, gcpColumns, b.gcpPrice); err != nil {
		return nil, err
	}
	return b, nil
}

var gcpColumns = []string{"instance_type", "region", "vcpu", "memory_gib", "gpu", "gpu_model", "ondemand_usd_h", "spot_usd_h"}

func (b *cloudBuilder) gcpPrice(r *row) error {
	t, err := sizeOf(r, "memory_gib")
	if err != nil {
		return err
	}
	gpus, err := r.number("gpu", maxGPUs)
	if err != nil {
		return err
	}
	// The g4 family has parts of a GPU (0.125): one device on the node.
	t.GPUs, t.GPUModel = int64(math.Ceil(gpus)), r.text("gpu_model")
	if gpus > 0 && gpus < 1 {
		t.GPUModel = r.text("gpu") + " " + t.GPUModel
	}
	t.Architecture = gcpArchitecture(t.Name)
	return b.listPriced(r, t, "ondemand_usd_h", "spot_usd_h")
}

// gcpArchitecture tells the architecture by the family, which the table does not state. The Arm families are
// Tau T2A (Ampere Altra), C4A and N4A (Axion).
// https://cloud.google.com/compute/docs/instances/arm-on-compute
func gcpArchitecture(instanceType string) string {
	family, _, _ := strings.Cut(instanceType, "-")
	switch family {
	case "t2a", "c4a", "n4a":
		return "arm64"
	default:
		return "amd64"
	}
}
