package app

import (
	"encoding/json"
	"strings"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
)

// TestOutputsSayWhatTheyAre: JSON of drain, drill and version had neither apiVersion nor kind, by which a reader knows what it reads.
func TestOutputsSayWhatTheyAre(t *testing.T) {
	out, _, err := drainOn(t, liveClient(t, nil), func(d *drain) { d.dryRun, d.output = true, formatJSON })
	if err != nil {
		t.Fatal(err)
	}
	outputs := map[string]string{"Drain": out}
	lost, err := parsePlace("--lose", "cloud=aws")
	if err != nil {
		t.Fatal(err)
	}
	d := &drill{flags: newClusterFlags(), place: lost, lose: "cloud=aws", schedulers: defaultSchedulers, objective: string(engine.ObjectiveShares)}
	drilled, _, err := d.prepare(liveShop(t))
	if err != nil {
		t.Fatal(err)
	}
	data, err := encodeJSON(drilled)
	if err != nil {
		t.Fatal(err)
	}
	outputs["Drill"] = string(data)
	for kind, arguments := range map[string]string{
		"Version": "version -o json", "Catalog": "catalog show aws eu-west-1 m5.large -o json", "Jurisdictions": "catalog jurisdictions -o json",
	} {
		code, out, problems := run(t, "", strings.Fields(arguments)...)
		if code != 0 {
			t.Fatalf("%s: %s", arguments, problems)
		}
		outputs[kind] = out
	}
	for kind, out := range outputs {
		var got struct{ APIVersion, Kind string }
		if err := json.Unmarshal([]byte(out), &got); err != nil || got.APIVersion != v1alpha1.GroupVersion.String() || got.Kind != kind {
			t.Errorf("%s: %v, read %+v", kind, err, got)
		}
	}
}
