package main

import (
	"regexp"
	"strconv"

	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

const azurePrices = "prices/azure_vm_prices_joined.csv"

var azureLinux = catalogfile.Provenance{Source: "Azure/karpenter-provider-azure", Date: "2026-06", Licence: "Apache-2.0"}

// readAzure reads the prices of Azure. Its spot prices are a year older than the others.
func readAzure(folder string) (*cloudBuilder, error) {
	b := newCloudBuilder(catalogfile.Cloud{
		ID:       "azure",
		OnDemand: []catalogfile.Provenance{azureLinux},
		Spot:     catalogfile.Provenance{Source: "cristim/ec2-instances-info (ec2instances.info)", Date: "2025-05", Licence: "MIT"},
	})
	if err := readTable(folder, azurePrices, azureColumns, b.azurePrice); err != nil {
		return nil, err
	}
	return b, nil
}

var azureColumns = []string{"instance_type", "region", "vcpu", "memory_gib", "gpu", "ondemand_usd_h_2026-06", "spot_usd_h_2025-05"}

func (b *cloudBuilder) azurePrice(r *row) error {
	t, err := sizeOf(r, "memory_gib")
	if err != nil {
		return err
	}
	gpus, model, ok := azureGPU(r.text("gpu"))
	if !ok {
		return r.fail("gpu", "want 0, a count (1), a part (1/2), or either with a model (4X T4, 1/2 V710)")
	}
	t.GPUs, t.GPUModel = gpus, model
	t.Architecture = azureArchitecture(t.Name)
	return b.listPriced(r, t, "ondemand_usd_h_2026-06", "spot_usd_h_2025-05")
}

var azureGPUPattern = regexp.MustCompile(`^(\d{1,3})(/\d{1,2})?[xX]?(?: (.+))?$`)

// azureGPU reads "0", "4X T4", "8X V100 (NVlink)", "1/2 V710" and "1/2". A part of a GPU is one device on the node.
func azureGPU(text string) (gpus int64, model string, ok bool) {
	match := azureGPUPattern.FindStringSubmatch(text)
	if match == nil {
		return 0, "", false
	}
	if match[2] != "" {
		return 1, text, true
	}
	count, err := strconv.ParseInt(match[1], 10, 64)
	return count, match[3], err == nil
}

// In Azure's names the additive feature p, among the small letters behind the size, is an Arm processor: Standard_D4ps_v5.
// https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions
var azureArm = regexp.MustCompile(`^Standard_[A-Z]+\d+(?:-\d+)?[a-z]*p[a-z]*(?:_|$)`)

func azureArchitecture(instanceType string) string {
	if azureArm.MatchString(instanceType) {
		return "arm64"
	}
	return "amd64"
}
