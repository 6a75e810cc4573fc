package location

// regionOperators are the regions that are not run by the company at the head of the cloud's group, but by one that is
// independent of it or that the provider has set apart under another law. Sources: AWS China service terms; Microsoft,
// Azure operated by 21Vianet; AWS European Sovereign Cloud; OVHcloud US terms of service; as stated 2026-11-21.
//
// AWS runs its European Sovereign Cloud through companies under German law which Amazon.com, Inc. owns; whether United
// States law reaches through that ownership is disputed. Who rules it out excludes the region by name.
var regionOperators = map[string]operator{
	"aws/cn-north-1":     {"Beijing Sinnet Technology Co., Ltd.", "CN"},
	"aws/cn-northwest-1": {"Ningxia Western Cloud Data Technology Co., Ltd.", "CN"},
	// The German company that operates it belongs to Amazon.com, Inc.: its parent is under US law, so it fails closed.
	"aws/eusc-de-east-1": {"AWS European Sovereign Cloud GmbH (owned by Amazon.com, Inc.)", "US"},
	"azure/chinaeast":    operator21Vianet,
	"azure/chinaeast2":   operator21Vianet,
	"azure/chinaeast3":   operator21Vianet,
	"azure/chinanorth":   operator21Vianet,
	"azure/chinanorth2":  operator21Vianet,
	"azure/chinanorth3":  operator21Vianet,
	"ovh/US-EAST-VA-1":   {"OVH US LLC", "US"},
	"ovh/US-WEST-OR-1":   {"OVH US LLC", "US"},
}

var operator21Vianet = operator{"Shanghai Blue Cloud Technology Co., Ltd. (21Vianet)", "CN"}

// regionAliases are other names of regions that providers themselves put into provider ids, labels and price lists.
var regionAliases = map[string]map[string]string{
	cloudOVH: {
		"ap-south-mum": "AP-SOUTH-MUM-1", "ap-southeast-sgp": "SGP", "ap-southeast-syd": "SYD",
		"ca-east-bhs": "BHS", "eu-central-waw": "WAW", "eu-west-eri": "UK", "eu-west-gra": "GRA", "eu-west-lim": "DE",
		"eu-west-rbx": "RBX", "eu-west-sbg": "SBG", "us-east-vin": "US-EAST-VA-1", "us-west-hil": "US-WEST-OR-1",
	},
	cloudIONOS: {
		"de/fra": "de-fra", "de/fra/2": "de-fra-2", "de/txl": "de-txl", "es/vit": "es-vit", "fr/par": "fr-par",
		"gb/bhx": "gb-bhx", "gb/lhr": "gb-lhr", "us/ewr": "us-ewr", "us/las": "us-las", "us/mci": "us-mci",
	},
	// Oracle's region keys, as in ocid1.instance.oc1.fra.…
	cloudOracle: {
		"jnb": "af-johannesburg-1", "yny": "ap-chuncheon-1", "hyd": "ap-hyderabad-1", "mel": "ap-melbourne-1",
		"bom": "ap-mumbai-1", "kix": "ap-osaka-1", "icn": "ap-seoul-1", "sin": "ap-singapore-1", "xsp": "ap-singapore-2",
		"syd": "ap-sydney-1", "nrt": "ap-tokyo-1", "yul": "ca-montreal-1", "yyz": "ca-toronto-1", "ams": "eu-amsterdam-1",
		"fra": "eu-frankfurt-1", "str": "eu-frankfurt-2", "beg": "eu-jovanovac-1", "mad": "eu-madrid-1",
		"vll": "eu-madrid-2", "mrs": "eu-marseille-1", "lin": "eu-milan-1", "cdg": "eu-paris-1", "arn": "eu-stockholm-1",
		"zrh": "eu-zurich-1", "mtz": "il-jerusalem-1", "auh": "me-abudhabi-1", "dxb": "me-dubai-1", "jed": "me-jeddah-1",
		"ruh": "me-riyadh-1", "mty": "mx-monterrey-1", "qro": "mx-queretaro-1", "bog": "sa-bogota-1",
		"scl": "sa-santiago-1", "gru": "sa-saopaulo-1", "vap": "sa-valparaiso-1", "vcp": "sa-vinhedo-1",
		"cwl": "uk-cardiff-1", "lhr": "uk-london-1", "iad": "us-ashburn-1", "ord": "us-chicago-1", "phx": "us-phoenix-1",
		"sjc": "us-sanjose-1", "ltn": "uk-gov-london-1", "brs": "uk-gov-cardiff-1", "lfi": "us-langley-1",
		"luf": "us-luke-1", "ric": "us-gov-ashburn-1", "pia": "us-gov-chicago-1", "tus": "us-gov-phoenix-1",
	},
}
