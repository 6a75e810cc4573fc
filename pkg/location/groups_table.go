package location

import (
	"slices"
	"strings"
)

// codes splits a list of codes and joins lists of them.
func codes(lists ...string) []string {
	var out []string
	for _, list := range lists {
		out = append(out, strings.Fields(list)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

const (
	euMembers = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
	// euTerritories are the parts of Finland (AX) and of France (its outermost regions) that Union law applies to and
	// that have a code of their own. The Azores, Madeira and the Canary Islands have none: they are PT and ES.
	euTerritories = "AX GF GP MF MQ RE YT"
	efta          = "CH IS LI NO"
	eea           = euMembers + " " + euTerritories + " IS LI NO"
	// adequate are the third countries with an adequacy decision that depends on nothing but the country.
	adequate = "AD AR BR CH FO GB GG IL IM JE JP KR NZ UY"
	// europeMembers are the 46 members of the Council of Europe.
	europeMembers = euMembers + " AD AL AM AZ BA CH GB GE IS LI MC MD ME MK NO RS SM TR UA"
)

// groups are sorted by name.
var groups = []Group{
	{
		Name:        "ASEAN",
		Description: "Association of Southeast Asian Nations: 11 members, Timor-Leste since 26 October 2025.",
		Countries:   codes("BN ID KH LA MM MY PH SG TH TL VN"),
		Source:      "ASEAN Charter, Article 4; Declaration on the Admission of Timor-Leste into ASEAN (47th ASEAN Summit)",
		Date:        "2026-11-21",
	},
	{
		Name:        "CBPR",
		Description: "Global Cross-Border Privacy Rules Forum: the member economies. The rules bind certified companies only; associates are not members.",
		Countries:   codes("AU CA JP KR MX PH SG TW US"),
		Source:      "Global CBPR Declaration (2022) and its list of members",
		Date:        "2026-11-21",
	},
	{
		Name:        "Convention-108",
		Description: "Parties to the Council of Europe's Convention for the Protection of Individuals with regard to Automatic Processing of Personal Data: the 46 members of the Council, and 9 other states.",
		Countries:   codes(europeMembers, "AR CV MA MU MX RU SN TN UY"),
		Source:      "Council of Europe Treaty Series No. 108, chart of signatures and ratifications",
		Date:        "2026-11-21",
	},
	{
		Name:        "Council-of-Europe",
		Description: "The 46 members of the Council of Europe, which are under the European Convention on Human Rights.",
		Countries:   codes(europeMembers),
		Source:      "Statute of the Council of Europe (ETS No. 1); Resolution CM/Res(2022)2",
		Date:        "2026-11-21",
	},
	{
		Name:        "EEA",
		Description: "European Economic Area, where the GDPR applies: the EU with Iceland, Liechtenstein and Norway (without Svalbard and Jan Mayen).",
		Countries:   codes(eea),
		Source:      "EEA Agreement, Articles 2 and 126, Protocol 40; Decision of the EEA Joint Committee No 154/2018",
		Date:        "2026-11-21",
	},
	{
		Name:        "EFTA",
		Description: "European Free Trade Association: Iceland, Liechtenstein, Norway and Switzerland.",
		Countries:   codes(efta),
		Source:      "EFTA Convention (Vaduz, 2001)",
		Date:        "2026-11-21",
	},
	{
		Name:        "EU",
		Description: "European Union: 27 member states, with Åland and the French outermost regions, which are Union territory under codes of their own; without the overseas countries and territories (Greenland, New Caledonia, Aruba and others) and the Faroe Islands.",
		Countries:   codes(euMembers, euTerritories),
		Source:      "TEU Article 52; TFEU Articles 349 and 355; European Council Decisions 2010/718/EU and 2012/419/EU",
		Date:        "2026-11-21",
	},
	{
		Name:        "GCC",
		Description: "Gulf Cooperation Council.",
		Countries:   codes("AE BH KW OM QA SA"),
		Source:      "Charter of the Cooperation Council for the Arab States of the Gulf (1981)",
		Date:        "2026-11-21",
	},
	{
		Name: "GDPR-adequate",
		Description: "Where personal data may go under the GDPR without further safeguards: the EEA, and the countries of an adequacy decision. " +
			"Left out, because their decisions cover some recipients only: the United States (companies certified under the Data Privacy Framework) and Canada (commercial organisations under PIPEDA). " +
			"Write US or CA beside the group if that holds for you.",
		Countries: codes(eea, adequate),
		Source:    "GDPR Article 45; European Commission, list of adequacy decisions, with Brazil of 26 January 2026 and the renewal for the United Kingdom of 19 December 2025",
		Date:      "2026-11-21",
	},
	{
		Name:        "Mercosur",
		Description: "Southern Common Market: the state parties. Venezuela is suspended and left out.",
		Countries:   codes("AR BO BR PY UY"),
		Source:      "Treaty of Asunción (1991); Protocol of Accession of Bolivia, in force 2024",
		Date:        "2026-11-21",
	},
	{
		Name:        "Schengen",
		Description: "Schengen area: 25 member states of the EU (not Cyprus and Ireland), and Iceland, Liechtenstein, Norway and Switzerland. European territories only.",
		Countries:   codes("AT BE BG CH CZ DE DK EE ES FI FR GR HR HU IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK", "AX"),
		Source:      "Schengen Convention; Council Decision (EU) 2024/3212 (Bulgaria and Romania from 1 January 2025)",
		Date:        "2026-11-21",
	},
}
