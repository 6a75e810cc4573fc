package location

// Sources of the tables in this file: each provider's list of regions, data centres or locations and its terms of
// service; as stated 2026-11-21.

// ovhRegions are Public Cloud regions by their OpenStack names, and the sites that they belong to.
var ovhRegions = []site{
	{"AP-SOUTH-MUM-1", "Mumbai", "IN", 19.08, 72.88},
	{"AP-SOUTHEAST-SYD-2", "Sydney", "AU", -33.87, 151.21},
	{"BHS", "Beauharnois", "CA", 45.32, -73.87},
	{"BHS1", "Beauharnois", "CA", 45.32, -73.87},
	{"BHS3", "Beauharnois", "CA", 45.32, -73.87},
	{"BHS5", "Beauharnois", "CA", 45.32, -73.87},
	{"CA-EAST-TOR", "Toronto", "CA", 43.65, -79.38},
	{"DE", "Frankfurt", "DE", 50.11, 8.68},
	{"DE1", "Frankfurt", "DE", 50.11, 8.68},
	{"EU-SOUTH-MIL", "Milan", "IT", 45.46, 9.19},
	{"EU-WEST-PAR", "Paris", "FR", 48.86, 2.35},
	{"GRA", "Gravelines", "FR", 50.99, 2.13},
	{"GRA1", "Gravelines", "FR", 50.99, 2.13},
	{"GRA3", "Gravelines", "FR", 50.99, 2.13},
	{"GRA5", "Gravelines", "FR", 50.99, 2.13},
	{"GRA7", "Gravelines", "FR", 50.99, 2.13},
	{"GRA9", "Gravelines", "FR", 50.99, 2.13},
	{"GRA11", "Gravelines", "FR", 50.99, 2.13},
	{"RBX", "Roubaix", "FR", 50.69, 3.17},
	{"RBX-A", "Roubaix", "FR", 50.69, 3.17},
	{"SBG", "Strasbourg", "FR", 48.58, 7.75},
	{"SBG1", "Strasbourg", "FR", 48.58, 7.75},
	{"SBG3", "Strasbourg", "FR", 48.58, 7.75},
	{"SBG5", "Strasbourg", "FR", 48.58, 7.75},
	{"SBG7", "Strasbourg", "FR", 48.58, 7.75},
	{"SGP", "Singapore", "SG", 1.35, 103.82},
	{"SGP1", "Singapore", "SG", 1.35, 103.82},
	{"SYD", "Sydney", "AU", -33.87, 151.21},
	{"SYD1", "Sydney", "AU", -33.87, 151.21},
	{"UK", "London", "GB", 51.51, -0.13},
	{"UK1", "London", "GB", 51.51, -0.13},
	{"US-EAST-VA-1", "Vint Hill", "US", 38.75, -77.67},
	{"US-WEST-OR-1", "Hillsboro", "US", 45.52, -122.99},
	{"WAW", "Warsaw", "PL", 52.23, 21.01},
	{"WAW1", "Warsaw", "PL", 52.23, 21.01},
}

var scalewayRegions = []site{
	{"fr-par", "Paris", "FR", 48.86, 2.35},
	{"it-mil", "Milan", "IT", 45.46, 9.19},
	{"nl-ams", "Amsterdam", "NL", 52.37, 4.90},
	{"pl-waw", "Warsaw", "PL", 52.23, 21.01},
}

// hetznerRegions are what Hetzner calls locations; its network zones (eu-central) group them.
var hetznerRegions = []site{
	{"ash", "Ashburn", "US", 39.04, -77.49},
	{"fsn1", "Falkenstein", "DE", 50.48, 12.37},
	{"hel1", "Helsinki", "FI", 60.17, 24.94},
	{"hil", "Hillsboro", "US", 45.52, -122.99},
	{"nbg1", "Nuremberg", "DE", 49.45, 11.08},
	{"sin", "Singapore", "SG", 1.35, 103.82},
}

var ibmRegions = []site{
	{"au-syd", "Sydney", "AU", -33.87, 151.21},
	{"br-sao", "Sao Paulo", "BR", -23.55, -46.63},
	{"ca-mon", "Montreal", "CA", 45.50, -73.57},
	{"ca-tor", "Toronto", "CA", 43.65, -79.38},
	{"eu-de", "Frankfurt", "DE", 50.11, 8.68},
	{"eu-es", "Madrid", "ES", 40.42, -3.70},
	{"eu-gb", "London", "GB", 51.51, -0.13},
	{"jp-osa", "Osaka", "JP", 34.69, 135.50},
	{"jp-tok", "Tokyo", "JP", 35.68, 139.69},
	{"us-east", "Washington", "US", 38.91, -77.04},
	{"us-south", "Dallas", "US", 32.78, -96.80},
}

// ibmDataCentres are the data centres of IBM's classic infrastructure, by the letters before the number (fra02). Their
// nodes carry the region that manages them, which may be in another country: ams03 is labelled eu-de.
var ibmDataCentres = []struct {
	site    site
	regions []string
}{
	{site{"ams", "Amsterdam", "NL", 52.37, 4.90}, []string{"eu-de"}},
	{site{"che", "Chennai", "IN", 13.08, 80.27}, []string{"jp-tok"}},
	{site{"dal", "Dallas", "US", 32.78, -96.80}, []string{"us-south"}},
	{site{"fra", "Frankfurt", "DE", 50.11, 8.68}, []string{"eu-de"}},
	{site{"hkg", "Hong Kong", "HK", 22.32, 114.17}, []string{"jp-tok"}},
	{site{"hou", "Houston", "US", 29.76, -95.37}, []string{"us-south"}},
	{site{"lon", "London", "GB", 51.51, -0.13}, []string{"eu-gb"}},
	{site{"mad", "Madrid", "ES", 40.42, -3.70}, []string{"eu-es"}},
	{site{"mel", "Melbourne", "AU", -37.81, 144.96}, []string{"au-syd"}},
	{site{"mex", "Queretaro", "MX", 20.59, -100.39}, []string{"us-south"}},
	{site{"mil", "Milan", "IT", 45.46, 9.19}, []string{"eu-de"}},
	{site{"mon", "Montreal", "CA", 45.50, -73.57}, []string{"ca-mon", "us-east"}},
	{site{"osa", "Osaka", "JP", 34.69, 135.50}, []string{"jp-osa"}},
	{site{"osl", "Oslo", "NO", 59.91, 10.75}, []string{"eu-de"}},
	{site{"par", "Paris", "FR", 48.86, 2.35}, []string{"eu-de"}},
	{site{"sao", "Sao Paulo", "BR", -23.55, -46.63}, []string{"br-sao", "us-south"}},
	{site{"seo", "Seoul", "KR", 37.57, 126.98}, []string{"jp-tok"}},
	{site{"sjc", "San Jose", "US", 37.34, -121.89}, []string{"us-south"}},
	{site{"sng", "Singapore", "SG", 1.35, 103.82}, []string{"jp-tok"}},
	{site{"syd", "Sydney", "AU", -33.87, 151.21}, []string{"au-syd"}},
	{site{"tok", "Tokyo", "JP", 35.68, 139.69}, []string{"jp-tok"}},
	{site{"tor", "Toronto", "CA", 43.65, -79.38}, []string{"ca-tor", "us-east"}},
	{site{"wdc", "Washington", "US", 38.91, -77.04}, []string{"us-east"}},
}

var oracleRegions = []site{
	{"af-johannesburg-1", "Johannesburg", "ZA", -26.20, 28.05},
	{"ap-chuncheon-1", "Chuncheon", "KR", 37.88, 127.73},
	{"ap-hyderabad-1", "Hyderabad", "IN", 17.39, 78.49},
	{"ap-melbourne-1", "Melbourne", "AU", -37.81, 144.96},
	{"ap-mumbai-1", "Mumbai", "IN", 19.08, 72.88},
	{"ap-osaka-1", "Osaka", "JP", 34.69, 135.50},
	{"ap-seoul-1", "Seoul", "KR", 37.57, 126.98},
	{"ap-singapore-1", "Singapore", "SG", 1.35, 103.82},
	{"ap-singapore-2", "Singapore", "SG", 1.35, 103.82},
	{"ap-sydney-1", "Sydney", "AU", -33.87, 151.21},
	{"ap-tokyo-1", "Tokyo", "JP", 35.68, 139.69},
	{"ca-montreal-1", "Montreal", "CA", 45.50, -73.57},
	{"ca-toronto-1", "Toronto", "CA", 43.65, -79.38},
	{"eu-amsterdam-1", "Amsterdam", "NL", 52.37, 4.90},
	{"eu-frankfurt-1", "Frankfurt", "DE", 50.11, 8.68},
	{"eu-frankfurt-2", "Frankfurt", "DE", 50.11, 8.68},
	{"eu-jovanovac-1", "Jovanovac", "RS", 44.06, 20.96},
	{"eu-madrid-1", "Madrid", "ES", 40.42, -3.70},
	{"eu-madrid-2", "Madrid", "ES", 40.42, -3.70},
	{"eu-madrid-3", "Madrid", "ES", 40.42, -3.70},
	{"eu-marseille-1", "Marseille", "FR", 43.30, 5.37},
	{"eu-milan-1", "Milan", "IT", 45.46, 9.19},
	{"eu-paris-1", "Paris", "FR", 48.86, 2.35},
	{"eu-stockholm-1", "Stockholm", "SE", 59.33, 18.07},
	{"eu-turin-1", "Turin", "IT", 45.07, 7.69},
	{"eu-zurich-1", "Zurich", "CH", 47.38, 8.54},
	{"il-jerusalem-1", "Jerusalem", "IL", 31.77, 35.21},
	{"me-abudhabi-1", "Abu Dhabi", "AE", 24.47, 54.37},
	{"me-dubai-1", "Dubai", "AE", 25.20, 55.27},
	{"me-jeddah-1", "Jeddah", "SA", 21.49, 39.19},
	{"me-riyadh-1", "Riyadh", "SA", 24.71, 46.68},
	{"mx-monterrey-1", "Monterrey", "MX", 25.69, -100.32},
	{"mx-queretaro-1", "Queretaro", "MX", 20.59, -100.39},
	{"sa-bogota-1", "Bogota", "CO", 4.71, -74.07},
	{"sa-santiago-1", "Santiago", "CL", -33.45, -70.67},
	{"sa-saopaulo-1", "Sao Paulo", "BR", -23.55, -46.63},
	{"sa-valparaiso-1", "Valparaiso", "CL", -33.05, -71.61},
	{"sa-vinhedo-1", "Vinhedo", "BR", -23.03, -46.98},
	{"uk-cardiff-1", "Newport", "GB", 51.58, -3.00},
	{"uk-gov-cardiff-1", "Newport", "GB", 51.58, -3.00},
	{"uk-gov-london-1", "London", "GB", 51.51, -0.13},
	{"uk-london-1", "London", "GB", 51.51, -0.13},
	{"us-ashburn-1", "Ashburn", "US", 39.04, -77.49},
	{"us-chicago-1", "Chicago", "US", 41.88, -87.63},
	{"us-gov-ashburn-1", "Ashburn", "US", 39.04, -77.49},
	{"us-gov-chicago-1", "Chicago", "US", 41.88, -87.63},
	{"us-gov-phoenix-1", "Phoenix", "US", 33.45, -112.07},
	{"us-langley-1", "Ashburn", "US", 39.04, -77.49},
	{"us-luke-1", "Phoenix", "US", 33.45, -112.07},
	{"us-phoenix-1", "Phoenix", "US", 33.45, -112.07},
	{"us-sanjose-1", "San Jose", "US", 37.34, -121.89},
}

var digitalOceanRegions = []site{
	{"ams2", "Amsterdam", "NL", 52.37, 4.90},
	{"ams3", "Amsterdam", "NL", 52.37, 4.90},
	{"atl1", "Atlanta", "US", 33.75, -84.39},
	{"blr1", "Bangalore", "IN", 12.97, 77.59},
	{"fra1", "Frankfurt", "DE", 50.11, 8.68},
	{"lon1", "London", "GB", 51.51, -0.13},
	{"nyc1", "New York", "US", 40.71, -74.01},
	{"nyc2", "New York", "US", 40.71, -74.01},
	{"nyc3", "New York", "US", 40.71, -74.01},
	{"sfo1", "San Francisco", "US", 37.77, -122.42},
	{"sfo2", "San Francisco", "US", 37.77, -122.42},
	{"sfo3", "San Francisco", "US", 37.77, -122.42},
	{"sgp1", "Singapore", "SG", 1.35, 103.82},
	{"syd1", "Sydney", "AU", -33.87, 151.21},
	{"tor1", "Toronto", "CA", 43.65, -79.38},
}

// exoscaleRegions are what Exoscale calls zones.
var exoscaleRegions = []site{
	{"at-vie-1", "Vienna", "AT", 48.21, 16.37},
	{"at-vie-2", "Vienna", "AT", 48.21, 16.37},
	{"bg-sof-1", "Sofia", "BG", 42.70, 23.32},
	{"ch-dk-2", "Zurich", "CH", 47.38, 8.54},
	{"ch-gva-2", "Geneva", "CH", 46.20, 6.14},
	{"de-fra-1", "Frankfurt", "DE", 50.11, 8.68},
	{"de-muc-1", "Munich", "DE", 48.14, 11.58},
	{"hr-zag-1", "Zagreb", "HR", 45.81, 15.98},
}

// ionosRegions are what IONOS calls locations, as node labels have them: the API's "de/fra" is "de-fra".
var ionosRegions = []site{
	{"de-fra", "Frankfurt", "DE", 50.11, 8.68},
	{"de-fra-2", "Frankfurt", "DE", 50.11, 8.68},
	{"de-txl", "Berlin", "DE", 52.52, 13.41},
	{"es-vit", "Logrono", "ES", 42.47, -2.45},
	{"fr-par", "Paris", "FR", 48.86, 2.35},
	{"gb-bhx", "Worcester", "GB", 52.19, -2.22},
	{"gb-lhr", "London", "GB", 51.51, -0.13},
	{"us-ewr", "Newark", "US", 40.74, -74.17},
	{"us-las", "Las Vegas", "US", 36.17, -115.14},
	{"us-mci", "Lenexa", "US", 38.95, -94.73},
}

var stackitRegions = []site{
	{"eu01", "Neckarsulm", "DE", 49.19, 9.23},
	{"eu02", "Ostermiething", "AT", 48.05, 12.83},
}

// upcloudRegions are what UpCloud calls zones; its nodes carry the same name as region and zone.
var upcloudRegions = []site{
	{"au-syd1", "Sydney", "AU", -33.87, 151.21},
	{"de-fra1", "Frankfurt", "DE", 50.11, 8.68},
	{"dk-cph1", "Copenhagen", "DK", 55.68, 12.57},
	{"es-mad1", "Madrid", "ES", 40.42, -3.70},
	{"fi-hel1", "Helsinki", "FI", 60.17, 24.94},
	{"fi-hel2", "Helsinki", "FI", 60.17, 24.94},
	{"nl-ams1", "Amsterdam", "NL", 52.37, 4.90},
	{"no-svg1", "Stavanger", "NO", 58.97, 5.73},
	{"pl-waw1", "Warsaw", "PL", 52.23, 21.01},
	{"se-sto1", "Stockholm", "SE", 59.33, 18.07},
	{"sg-sin1", "Singapore", "SG", 1.35, 103.82},
	{"uk-lon1", "London", "GB", 51.51, -0.13},
	{"us-chi1", "Chicago", "US", 41.88, -87.63},
	{"us-nyc1", "New York", "US", 40.71, -74.01},
	{"us-sjo1", "San Jose", "US", 37.34, -121.89},
}
