package main

import (
	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

const (
	awsPrices        = "prices/aws_ec2_prices_2025-05.csv"
	awsInterruptions = "spot/aws_spot_interruption_2025-07.csv"
)

// readAWS reads the prices of AWS, and its bands of spot interruptions. Of the spot price only the average is kept.
func readAWS(folder string) (*cloudBuilder, error) {
	prices := catalogfile.Provenance{Source: "cristim/ec2-instances-info (ec2instances.info)", Date: "2025-05", Licence: "MIT"}
	b := newCloudBuilder(catalogfile.Cloud{
		ID: "aws", OnDemand: []catalogfile.Provenance{prices}, Spot: prices,
		Interruption: catalogfile.Provenance{Source: "alexei-led/spotinfo (AWS Spot Instance Advisor)", Date: "2025-07", Licence: "Apache-2.0"},
	})
	if err := readTable(folder, awsPrices, awsColumns, b.awsPrice); err != nil {
		return nil, err
	}
	if err := readTable(folder, awsInterruptions, interruptionColumns, b.awsInterruption); err != nil {
		return nil, err
	}
	return b, nil
}

var awsColumns = []string{
	"instance_type", "region", "vcpu", "memory_gib", "gpu", "gpu_model", "arch", "linux_ondemand_usd_h", "linux_spot_avg_usd_h",
}

func (b *cloudBuilder) awsPrice(r *row) error {
	t, err := sizeOf(r, "memory_gib")
	if err != nil {
		return err
	}
	gpus, err := r.number("gpu", maxGPUs)
	if err != nil {
		return err
	}
	t.GPUs, t.GPUModel = int64(gpus), r.text("gpu_model")
	switch r.text("arch") {
	case "x86_64", "i386/x86_64":
		t.Architecture = "amd64"
	case "arm64":
		t.Architecture = "arm64"
	default:
		return r.fail("arch", "want x86_64, i386/x86_64 or arm64")
	}
	return b.listPriced(r, t, "linux_ondemand_usd_h", "linux_spot_avg_usd_h")
}

var interruptionColumns = []string{"region", "instance_type", "vcpu", "ram_gib", "interruption_range"}

var bands = map[string]catalogfile.Band{
	"<5%": catalogfile.BandUnder5, "5-10%": catalogfile.Band5To10, "10-15%": catalogfile.Band10To15,
	"15-20%": catalogfile.Band15To20, ">20%": catalogfile.BandOver20,
}

// awsInterruption adds a band. The table is newer than the prices and has types that they lack; those get their size
// from here, and no price.
func (b *cloudBuilder) awsInterruption(r *row) error {
	t, err := sizeOf(r, "ram_gib")
	if err != nil {
		return err
	}
	region, err := r.name("region")
	if err != nil {
		return err
	}
	band, ok := bands[r.text("interruption_range")]
	if !ok {
		return r.fail("interruption_range", "want <5%%, 5-10%%, 10-15%%, 15-20%% or >20%%")
	}
	o := b.offer(pair{t.Name, region})
	if o.band != catalogfile.BandUnknown {
		return r.fail("instance_type", "given twice for %s; remove one of the two lines", region)
	}
	o.band = band
	if _, ok := b.types[t.Name]; !ok {
		b.types[t.Name] = t
	}
	return nil
}
