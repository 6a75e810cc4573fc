package report

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
)

// Text writes the catalog's answer as tables, at most MaxColumns wide, with the sources at the end.
func (c *Catalog) Text(w io.Writer) error {
	var out strings.Builder
	var from sourceList
	switch {
	case len(c.Regions) == 0:
		t := newTable(0, "CLOUD", "NAME", "OPERATOR", "LAW", ">REGIONS", "PRICES")
		for i := range c.Clouds {
			cloud := &c.Clouds[i]
			t.add(cloud.ID, cloud.Name, cloud.Operator, cloud.OperatorCountry, strconv.Itoa(cloud.Regions), yesNo(cloud.Priced))
			from.add("operators", cloud.Source, cloud.Date)
		}
		out.WriteString(t.String())
	case len(c.Egress) == 0:
		c.cloudText(&out, &from)
	default:
		c.regionText(&out, &from)
	}
	for _, note := range c.Notes {
		paragraph(&out, "Note: ", note+".")
	}
	from.write(&out)
	_, err := io.WriteString(w, out.String())
	return err
}

func (c *Catalog) cloudText(out *strings.Builder, from *sourceList) {
	cloud := &c.Clouds[0]
	paragraph(out, "", fmt.Sprintf("%s (%s), operated by %s under the law of %s", cloud.Name, cloud.ID, cloud.Operator, cloud.OperatorCountry))
	from.add("operator", cloud.Source, cloud.Date)
	t := newTable(0, "REGION", "CITY", "COUNTRY", "LAW OF OPERATOR", ">INSTANCE TYPES")
	for i := range c.Regions {
		region := &c.Regions[i]
		t.add(region.Region, region.City, region.Country, region.OperatorCountry, strconv.Itoa(region.InstanceTypes))
	}
	out.WriteString("\n" + t.String())
}

func (c *Catalog) regionText(out *strings.Builder, from *sourceList) {
	region := &c.Regions[0]
	paragraph(out, "", fmt.Sprintf("%s/%s: %s, %s (%.2f, %.2f); operator under the law of %s",
		region.Cloud, region.Region, region.City, region.Country, region.Latitude, region.Longitude, region.OperatorCountry))
	if len(c.Instances) > 0 {
		t := newTable(0, "INSTANCE TYPE", ">CPU", ">MEMORY GIB", ">GPUS", "ARCH", ">ON-DEMAND $/HOUR", ">SPOT $/HOUR", ">INTERRUPTION/MONTH")
		for i := range c.Instances {
			instance := &c.Instances[i]
			gpus := strconv.Itoa(instance.GPUs)
			if instance.GPUModel != "" {
				gpus += " " + instance.GPUModel
			}
			t.add(instance.InstanceType, trimmed(instance.CPU), trimmed(instance.MemoryGiB), gpus, instance.Architecture,
				exact(instance.OnDemand.HourlyUSD), exact(instance.Spot.HourlyUSD), instance.Interruption.text())
			from.add("on-demand", instance.OnDemand.Source, instance.OnDemand.Date)
			from.add("spot", instance.Spot.Source, instance.Spot.Date)
			from.add("interruption", instance.Interruption.Source, instance.Interruption.Date)
		}
		out.WriteString("\n" + t.String())
	}
	t := newTable(0, "TRAFFIC FROM", "TO", ">$/GB")
	for i := range c.Egress {
		egress := &c.Egress[i]
		t.add(egress.From, egress.To, exact(egress.USDPerGB))
		from.add("egress", egress.Source, egress.Date)
	}
	out.WriteString("\n" + t.String())
	if len(c.RoundTrips) > 0 {
		t := newTable(0, "ROUND TRIP FROM", "TO", ">MS", "BASIS", "SOURCE")
		for i := range c.RoundTrips {
			trip := &c.RoundTrips[i]
			t.add(trip.From, trip.To, tenthsOf(trip.Milliseconds.Milliseconds), trip.Basis,
				orElse(trip.Reason, strings.Trim(origin(trip.Source, trip.Date), "()")))
		}
		out.WriteString("\n" + t.String())
	}
	out.WriteString("\n")
}

func (i *Interruption) text() string {
	if i.LowPercent == nil || i.HighPercent == nil {
		return unknownText
	}
	return trimmed(*i.LowPercent) + " to " + trimmed(*i.HighPercent) + " %"
}

func trimmed(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

// thousandths rounds to three decimals: sizes of instances, which sources convert between units.
func thousandths(value float64) float64 { return math.Round(value*1000) / 1000 }

// exact is a price with all the digits of its source.
func exact(usd *float64) string {
	if usd == nil {
		return unknownText
	}
	return trimmed(*usd)
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// sourceList collects what each kind of figure is from, in order of appearance.
type sourceList struct{ lines []string }

func (s *sourceList) add(figure, source, date string) {
	if source == "" {
		return
	}
	line := figure + ": " + source
	if date != "" {
		line += ", " + date
	}
	if !slices.Contains(s.lines, line) {
		s.lines = append(s.lines, line)
	}
}

func (s *sourceList) write(out *strings.Builder) {
	for _, line := range s.lines {
		paragraph(out, "Source of ", line)
	}
}

// CSV writes the most detailed of clouds, regions and instance types, one a row; what is not known is empty.
func (c *Catalog) CSV(w io.Writer) error {
	var header []string
	var rows [][]string
	switch {
	case len(c.Regions) == 0:
		header = []string{"cloud", "name", "operator", "operatorCountry", "regions", "source", "date"}
		for i := range c.Clouds {
			cloud := &c.Clouds[i]
			rows = append(rows, []string{cloud.ID, cloud.Name, cloud.Operator, cloud.OperatorCountry, strconv.Itoa(cloud.Regions), cloud.Source, cloud.Date})
		}
	case len(c.Egress) == 0 || len(c.Instances) == 0:
		header = []string{"cloud", "region", "city", "country", "operatorCountry", "latitude", "longitude", "instanceTypes"}
		for i := range c.Regions {
			region := &c.Regions[i]
			rows = append(rows, []string{
				region.Cloud, region.Region, region.City, region.Country, region.OperatorCountry, trimmed(region.Latitude), trimmed(region.Longitude),
				strconv.Itoa(region.InstanceTypes),
			})
		}
	default:
		header = []string{
			"cloud", "region", "instanceType", "cpu", "memoryGiB", "gpus", "gpuModel", "architecture", "onDemandHourlyUSD", "onDemandSource",
			"onDemandDate", "spotHourlyUSD", "spotSource", "spotDate", "interruptionLowPercent", "interruptionHighPercent",
		}
		for i := range c.Instances {
			in := &c.Instances[i]
			rows = append(rows, []string{
				in.Cloud, in.Region, in.InstanceType, trimmed(in.CPU), trimmed(in.MemoryGiB), strconv.Itoa(in.GPUs), in.GPUModel, in.Architecture,
				csvNumber(in.OnDemand.HourlyUSD), in.OnDemand.Source, in.OnDemand.Date, csvNumber(in.Spot.HourlyUSD), in.Spot.Source, in.Spot.Date,
				csvNumber(in.Interruption.LowPercent), csvNumber(in.Interruption.HighPercent),
			})
		}
	}
	return writeCSV(w, header, rows)
}

// Jurisdictions is the groups of countries that policies can name.
type Jurisdictions struct {
	APIVersion string              `json:"apiVersion"`
	Kind       string              `json:"kind"`
	Groups     []JurisdictionGroup `json:"groups"`
}

// JurisdictionGroup is a named group of countries.
type JurisdictionGroup struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Countries   []string `json:"countries"`
	Source      string   `json:"source"`
	Date        string   `json:"date"`
}

// ShowJurisdictions returns the groups of a name, all when empty. The error names the nearest known names.
func ShowJurisdictions(name string) (*Jurisdictions, error) {
	out := &Jurisdictions{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Jurisdictions"}
	for _, group := range location.Groups() {
		if name == "" || group.Name == name {
			out.Groups = append(out.Groups, JurisdictionGroup(group))
		}
	}
	if len(out.Groups) > 0 {
		return out, nil
	}
	if country, ok := location.LookupCountry(name); ok {
		out.Groups = []JurisdictionGroup{{Name: country.Code, Description: country.Name, Countries: []string{country.Code}, Source: "ISO 3166-1"}}
		return out, nil
	}
	_, err := location.ParseJurisdictions([]string{name})
	if bad := (*location.JurisdictionError)(nil); errors.As(err, &bad) {
		return nil, errors.New(strings.TrimPrefix(bad.Error(), "index 0: "))
	}
	return nil, err
}

// Text writes the groups; one alone with its countries.
func (j *Jurisdictions) Text(w io.Writer) error {
	var out strings.Builder
	if len(j.Groups) == 1 {
		group := &j.Groups[0]
		paragraph(&out, group.Name+"  ", group.Description)
		paragraph(&out, "countries  ", strings.Join(group.Countries, ", "))
		paragraph(&out, "source     ", strings.Trim(origin(group.Source, group.Date), "()"))
	} else {
		t := newTable(0, "NAME", ">COUNTRIES", "WHAT", "SOURCE", "AS OF")
		for i := range j.Groups {
			group := &j.Groups[i]
			t.add(group.Name, strconv.Itoa(len(group.Countries)), group.Description, group.Source, group.Date)
		}
		out.WriteString(t.String())
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// CSV writes one row a group.
func (j *Jurisdictions) CSV(w io.Writer) error {
	rows := make([][]string, 0, len(j.Groups))
	for i := range j.Groups {
		group := &j.Groups[i]
		rows = append(rows, []string{group.Name, strings.Join(group.Countries, " "), group.Description, group.Source, group.Date})
	}
	return writeCSV(w, []string{"name", "countries", "description", "source", "date"}, rows)
}
