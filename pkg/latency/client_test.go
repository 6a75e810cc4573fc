package latency

import (
	"strings"
	"testing"
)

func TestParseClient(t *testing.T) {
	for _, test := range []struct{ text, country, place string }{
		{"DE", "DE", ""},
		{"aws/eu-west-1", "", "aws/eu-west-1"},
		{"azure/westeurope", "", "azure/westeurope"},
		{"acme-dc/lux-1", "", "acme-dc/lux-1"},
		{"acme/eu-west-1", "", "acme/eu-west-1"}, // a private data centre may use a cloud's region names
		{"aws/us-west-2-lax-1", "", "aws/us-west-2-lax-1"},
	} {
		client, err := ParseClient(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		place, ok := client.Place()
		if client.Country() != test.country || ok != (test.place != "") || ok && place.String() != test.place || client.String() != test.text {
			t.Errorf("%s: country %q, place %v %v, text %s", test.text, client.Country(), place, ok, client)
		}
	}
}

func TestParseClientErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", "ISO 3166"},
		{"de", "did you mean DE?"},
		{"Germany", "did you mean DE?"},
		{"germny", "DE"},
		{"UK", "did you mean GB?"},
		{"ZZ", "ISO 3166"},
		{"eu-west-1", "aws/eu-west-1"},
		{"/eu-west-1", "no cloud"},
		{"aws/", "no region"},
		{"aws/eu-west-1/eu-west-1a", "zones are not told apart"},
		{"aws/eu-west-11", "aws/eu-west-1"},
		{"aws/westeurope", "aws has no region"},
		{"AWS/eu-west-1", `"AWS" is another name of the cloud aws`},
		{"google/europe-west1", "write gcp"},
		{"Azure/westeurope", "write azure"},
		{"azur/westeurope", "did you mean azure/westeurope?"},
		{"azure/West Europe", "label of a node"},
		{"acme dc/lux", "label of a node"},
		{"acme/" + strings.Repeat("x", 64), "label of a node"},
	} {
		client, err := ParseClient(test.text)
		if err == nil || !strings.Contains(err.Error(), test.want) || client != (Client{}) {
			t.Errorf("%q: %v, error %v, want %q", test.text, client, err, test.want)
		}
	}
}

func FuzzParseClient(f *testing.F) {
	for _, seed := range []string{"DE", "de", "Deutschland", "aws/eu-west-1", "aws/eu-west-1a", "acme-dc/lux-1", "/", "a/b/c", "", "U\x00", "ÄÖ", "acme/ "} {
		f.Add(seed)
	}
	m := open(f)
	frankfurt := at(f, "aws/eu-central-1")
	f.Fuzz(func(t *testing.T, text string) {
		client, err := ParseClient(text)
		if err != nil {
			if client != (Client{}) {
				t.Fatalf("%q: an error and a client", text)
			}
			return
		}
		again, err := ParseClient(client.String())
		if err != nil || again != client {
			t.Fatalf("%q: %v %v", text, again, err)
		}
		if r := m.FromClient(client, frankfurt); r.Known() && !(r.Milliseconds > 0) {
			t.Fatalf("%q: %+v", text, r)
		}
	})
}
