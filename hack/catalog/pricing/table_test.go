package main

import (
	"math"
	"strings"
	"testing"

	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

const (
	awsHead   = "instance_type,region,vcpu,memory_gib,gpu,gpu_model,arch,linux_ondemand_usd_h,linux_spot_avg_usd_h\n"
	gcpHead   = "instance_type,region,vcpu,memory_gib,gpu,gpu_model,ondemand_usd_h,spot_usd_h\n"
	azureHead = "instance_type,region,vcpu,memory_gib,gpu,ondemand_usd_h_2026-06,spot_usd_h_2025-05\n"
	bandHead  = "region,instance_type,vcpu,ram_gib,interruption_range\n"
	pairsHead = "src,dest,cost\n"
	euHead    = "provider,date,instance_type,vcpu,ram_gb,gpus,price_h,currency,location\n"
	addedHead = "cloud,instance_type,region,vcpu,memory_gib,gpu,gpu_model,arch,usd_h,source\n"
)

// scan reads one table as the generator does.
func scan(kind, text string) (*cloudBuilder, error) {
	b := newCloudBuilder(catalogfile.Cloud{ID: kind, OnDemand: []catalogfile.Provenance{{Source: kind}}})
	in := strings.NewReader(text)
	switch kind {
	case "aws":
		return b, scanTable(in, "aws.csv", awsColumns, b.awsPrice)
	case "gcp":
		return b, scanTable(in, "gcp.csv", gcpColumns, b.gcpPrice)
	case "azure":
		return b, scanTable(in, "azure.csv", azureColumns, b.azurePrice)
	case "band":
		return b, scanTable(in, "band.csv", interruptionColumns, b.awsInterruption)
	case "europe":
		e := &europe{usd: 1.25, words: "EUR 1 = USD 1.25", clouds: map[string]*cloudBuilder{}}
		err := scanTable(in, "europe.csv", europeColumns, e.price)
		for _, of := range e.clouds {
			b = of
		}
		return b, err
	case "added":
		sources := map[string]catalogfile.Provenance{"list": {Source: "list", Date: "2026-08", Licence: "facts"}}
		return b, scanTable(in, "added.csv", addedColumns, func(r *row) error {
			return addRow(map[string]*cloudBuilder{"aws": b}, sources, r)
		})
	default:
		_, err := scanEgress(in, "pairs.csv", "2023-02")
		return b, err
	}
}

func TestBadTables(t *testing.T) {
	for _, test := range []struct{ kind, text, want string }{
		{"aws", "", "aws.csv: read the first line"},
		{"aws", "a,b\n", `aws.csv:1: column "instance_type" is missing`},
		{"aws", awsHead + "m7i.large,eu-west-1,2,8,0,,x86_64,0.1\n", "wrong number of fields"},
		{"aws", awsHead + "m7i.large,eu-west-1,2,8,0,,x86_64,-0.1,\n", `aws.csv:2: linux_ondemand_usd_h "-0.1"`},
		{"aws", awsHead + "m7i.large,eu-west-1,2,8,0,,x86_64,NaN,\n", "linux_ondemand_usd_h"},
		{"aws", awsHead + "m7i.large,eu-west-1,2,8,0,,x86_64,0.1,1e9\n", "linux_spot_avg_usd_h"},
		{"aws", awsHead + "m7i.large,eu-west-1,two,8,0,,x86_64,0.1,\n", "vcpu"},
		{"aws", awsHead + "m7i.large,eu-west-1,2,8e99,0,,x86_64,0.1,\n", "memory_gib"},
		{"aws", awsHead + "m7i.large,eu-west-1,2,8,-1,,x86_64,0.1,\n", "gpu"},
		{"aws", awsHead + "m7i.large,eu-west-1,2,8,0,,mips,0.1,\n", "want x86_64"},
		{"aws", awsHead + "m7i large,eu-west-1,2,8,0,,x86_64,0.1,\n", "a name has"},
		{"aws", awsHead + "m7i.large,,2,8,0,,x86_64,0.1,\n", "region"},
		{"aws", awsHead + strings.Repeat("m7i.large,eu-west-1,2,8,0,,x86_64,0.1,\n", 2), "aws.csv:3: instance_type \"m7i.large\": given twice"},
		{"aws", awsHead + "m7i.large,eu-west-1,2,8,0,,x86_64,0.1,\nm7i.large,eu-west-2,4,8,0,,x86_64,0.1,\n", "4000 millicores"},
		{"gcp", gcpHead + "n2-standard-4,europe-west1,4,16,,,x,\n", "gcp.csv:2: ondemand_usd_h"},
		{"gcp", gcpHead + "n2-standard-4,europe-west1,4,16,,,,x\n", "spot_usd_h"},
		{"gcp", gcpHead + "n2-standard-4,europe-west1,4,16,many,,,\n", "gpu"},
		{"azure", azureHead + "Standard_D4s_v5,westeurope,4,16,four,0.2,\n", "azure.csv:2: gpu"},
		{"azure", azureHead + "Standard_D4s_v5,westeurope,4,16,0,x,\n", "ondemand_usd_h"},
		{"azure", azureHead + "Standard_D4s_v5,westeurope,4,16,0,0.2,x\n", "spot_usd_h"},
		{"band", bandHead + "eu-west-1,m7i.large,2,8,often\n", "interruption_range"},
		{"band", bandHead + strings.Repeat("eu-west-1,m7i.large,2,8,<5%\n", 2), "given twice"},
		{"europe", euHead + "acme,2026-08-17,cx33,4,8,,0.0171,EUR,eu\n", "europe.csv:2: provider"},
		{"europe", euHead + "hetzner,August,cx33,4,8,,0.0171,EUR,eu\n", "date"},
		{"europe", euHead + "hetzner,2026-08-17,cx33,4,8,,0.0171,USD,eu\n", "want EUR"},
		{"europe", euHead + "hetzner,2026-08-17,cx33,4,8,,0.0171,EUR,us\n", "location"},
		{"europe", euHead + "hetzner,2026-08-17,cx33,4,8,,cheap,EUR,eu\n", "price_h"},
		{"europe", euHead + "hetzner,2026-08-17,cx33,4,8,some,0.0171,EUR,eu\n", "gpus"},
		{"europe", euHead + strings.Repeat("hetzner,2026-08-17,cx33,4,8,,0.0171,EUR,eu\n", 2), "given twice"},
		{"added", addedHead + "acme,m8i.large,eu-west-1,2,8,,,amd64,0.1,list\n", "added.csv:2: cloud"},
		{"added", addedHead + "aws,m8i.large,eu-west-1,2,8,,,amd64,0.1,hearsay\n", "source"},
		{"added", addedHead + "aws,m8i.large,eu-west-1,two,8,,,amd64,0.1,list\n", "vcpu"},
		{"added", addedHead + "aws,m8i.large,eu-west-1,2,8,some,,amd64,0.1,list\n", "gpu"},
		{"added", addedHead + "aws,m8i.large,,2,8,,,amd64,0.1,list\n", "region"},
		{"added", addedHead + "aws,m8i.large,eu-west-1,2,8,,,amd64,,list\n", "want a price"},
		{"added", addedHead + "aws,m8i.large,eu-west-1,2,8,,,amd64,-1,list\n", "usd_h"},
		{"added", addedHead + strings.Repeat("aws,m8i.large,eu-west-1,2,8,,,amd64,0.1,list\n", 2), "given twice"},
		{"added", addedHead + "aws,m8i.large,eu-west-1,2,8,,,amd64,0.1,list\naws,m8i.large,eu-west-2,2,9,,,amd64,0.1,list\n", "2000 millicores"},
		{"pairs", pairsHead + "aws,gcp:europe-west1-b,0.09\n", "pairs.csv:2: src"},
		{"pairs", pairsHead + "aws:eu-west-1,gcp:-b,0.09\n", "dest"},
		{"pairs", pairsHead + "aws:eu-west-1,gcp:europe-west1-b,\n", "cost"},
		{"pairs", pairsHead + "aws:eu-west-1,gcp:europe-west1-b,-1\n", "cost"},
	} {
		if _, err := scan(test.kind, test.text); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %q: error %v, want %q", test.kind, test.text, err, test.want)
		}
	}
}

func TestAzureGPU(t *testing.T) {
	for text, want := range map[string]struct {
		gpus  int64
		model string
		ok    bool
	}{
		"0": {0, "", true}, "1": {1, "", true}, "4X T4": {4, "T4", true}, "8x H200": {8, "H200", true}, "8X V100 (NVlink)": {8, "V100 (NVlink)", true},
		"1/2 V710": {1, "1/2 V710", true}, "1/4": {1, "1/4", true}, "1 V710": {1, "V710", true}, "": {0, "", false}, "-1": {0, "", false}, "T4": {0, "", false},
	} {
		if gpus, model, ok := azureGPU(text); gpus != want.gpus || model != want.model || ok != want.ok {
			t.Errorf("azureGPU(%q) = %d, %q, %v, want %+v", text, gpus, model, ok, want)
		}
	}
}

func TestArchitecture(t *testing.T) {
	for name, want := range map[string]string{
		"Standard_D4ps_v5": "arm64", "Standard_D2plds_v6": "arm64", "Standard_B2pts_v2": "arm64", "Standard_E20pds_v5": "arm64",
		"Standard_D4s_v5": "amd64", "Standard_NP10s": "amd64", "Standard_HB120-16rs_v3": "amd64", "Standard_A0": "amd64",
	} {
		if got := azureArchitecture(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for name, want := range map[string]string{
		"t2a-standard-1": "arm64", "c4a-standard-4": "arm64", "n4a-highmem-2": "arm64", "c4-standard-4": "amd64", "a2-highgpu-1g": "amd64", "n4-standard-2": "amd64",
	} {
		if got := gcpArchitecture(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestBadNetworkPrices(t *testing.T) {
	good := `"cost":{"0-1":{"us-east1":{"month":0.1}}}`
	document := func(world, australia string) string {
		return `{"traffic":{"egress":{"internet":{` + world + `,"australia":{` + australia + `},"china":{` + good + `}}}}}`
	}
	if lines, err := gcpInternet(strings.NewReader(document(good, good))); err != nil || len(lines) != 3 {
		t.Errorf("good prices: %v, %v", lines, err)
	}
	for text, want := range map[string]string{
		"{":  "read the network prices",
		`{}`: "no prices for",
		document(`"cost":{"5-6":{"us-east1":{"month":0.1}}}`, good):     `unknown tier "5-6"`,
		document(good, `"cost":{"0-1":{"us-east1":{"month":-0.1}}}`):    "want a price",
		document(good, `"cost":{"0-1":{"us-east1":{}}}`):                "want a price",
		document(good, `"cost":{"0-1":{"us/east1":{"month":0.1}}}`):     "want a price",
		document(good, `"cost":{"0-1":{"us-east1":{"month":"cheap"}}}`): "read the network prices",
	} {
		if _, err := gcpInternet(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

func TestInsideRegionsMustAgree(t *testing.T) {
	line := func(at, usd string) egressLine {
		return egressLine{from: at, to: at, above: "0", usd: usd, fromCloud: "aws", toCloud: "aws"}
	}
	if _, err := joinEgress(nil, []egressLine{line("aws/a", "0"), line("aws/b", "0.01")}, nil); err == nil || !strings.Contains(err.Error(), "0.01 in b;") {
		t.Errorf("error %v", err)
	}
}

// FuzzTable gives the readers of the tables any text: an error that names the file, or tables that can be written.
func FuzzTable(f *testing.F) {
	f.Add(uint8(0), awsHead+"m7i.large,eu-west-1,2,8.0,0,,x86_64,0.11235,0.050558\n")
	f.Add(uint8(1), gcpHead+"g4-standard-6,us-central1,6,22,0.125,rtx6000,0.5,\n")
	f.Add(uint8(2), azureHead+"Standard_NV12ads_V710_v5,eastus,12,64.0,1/2 V710,1.0,0.238\n")
	f.Add(uint8(3), bandHead+"eu-west-1,m7i.large,2,8.0,10-15%\n")
	f.Add(uint8(4), pairsHead+"aws:eu-west-1,gcp:europe-west1-b,0.09\naws:a,aws:a,0\n")
	f.Add(uint8(1), gcpHead+"g4-standard-6,us-central1,6,22,0.125,"+strings.Repeat("x", 2000)+",0.5,\n")
	f.Add(uint8(0), "\"\n")
	f.Add(uint8(5), euHead+"hetzner,2026-08-17,cax11,2,4,,0.0124,EUR,eu\n")
	f.Add(uint8(6), addedHead+"aws,p5.4xlarge,us-east-1,16,256,1,NVIDIA H100,amd64,6.88,list\n")
	kinds := []string{"aws", "gcp", "azure", "band", "pairs", "europe", "added"}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		kind := kinds[int(which)%len(kinds)]
		b, err := scan(kind, text)
		if err != nil {
			if !strings.Contains(err.Error(), kind+".csv") {
				t.Errorf("the error does not name the file: %v", err)
			}
			return
		}
		cloud := b.build()
		for _, usd := range cloud.OnDemandUSD {
			if usd < 0 || usd > maxHourlyUSD || math.IsNaN(usd) {
				t.Errorf("price %v", usd)
			}
		}
		if _, err := catalogfile.Marshal(&catalogfile.File{Clouds: []catalogfile.Cloud{cloud}}); err != nil && !strings.Contains(err.Error(), "at most") {
			t.Errorf("the table was taken, but cannot be written: %v", err)
		}
	})
}
