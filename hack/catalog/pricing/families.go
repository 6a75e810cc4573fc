package main

import (
	"regexp"
	"strings"

	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

// makerOf is who makes the processors of a family, as far as its name tells; machines with accelerators are of a group of their own.
func makerOf(cloud, family string, t *catalogfile.Type) string {
	amd, known := makerMarks[cloud]
	switch {
	case t.GPUs > 0:
		return "accelerated"
	case t.Architecture == "arm64":
		return "arm"
	case known && amd.MatchString(family):
		return "amd"
	}
	return "intel"
}

// makerMarks match the families with processors of AMD.
var makerMarks = map[string]*regexp.Regexp{
	"aws":   regexp.MustCompile(`^[a-z]+\d+[a-z]*a`),
	"azure": regexp.MustCompile(`^Standard_[A-Z]+[a-z]*a[a-z]*(_|$)`),
	"gcp":   regexp.MustCompile(`^[a-z]\d+d-`),
}

// separators stand between family and size in the names of a cloud's instance types.
var separators = map[string]string{
	"aws": ".", "exoscale": ".", "stackit": ".", "ionos": "-", "ovh": "-", "scaleway": "-", "upcloud": "-",
}

var (
	// Standard_E16-4ads_v5: the letters before the number of cores, and what follows it.
	azureSize = regexp.MustCompile(`^((?:Standard|Basic)_[A-Z]+)\d+(?:-\d+)?([a-z]*(?:_.*)?)$`)
	// STANDARD3-X12C-48G, POP2-HC-12C-24G: the range, with the letter of the processor.
	scalewaySize = regexp.MustCompile(`^(.*-[A-Z]?)\d+C-\d+G(-WIN)?$`)
)

// familyOf is the family of an instance type: what is left of its name without its size.
func familyOf(cloud, instanceType string) string {
	switch cloud {
	case "azure":
		if match := azureSize.FindStringSubmatch(instanceType); match != nil {
			return match[1] + match[2]
		}
		return instanceType
	case "gcp": // n2-highmem-8, c4-standard-8-lssd
		parts := strings.SplitN(instanceType, "-", 4)
		if len(parts) < 3 {
			return instanceType
		}
		return strings.Join(append(parts[:2:2], parts[3:]...), "-")
	case "hetzner": // ccx33: the last digit is the generation
		return strings.TrimRight(instanceType, "0123456789") + instanceType[len(instanceType)-1:]
	case "scaleway":
		if match := scalewaySize.FindStringSubmatch(instanceType); match != nil {
			return match[1] + match[2]
		}
	}
	family, _, _ := strings.Cut(instanceType, separators[cloud])
	return family
}
