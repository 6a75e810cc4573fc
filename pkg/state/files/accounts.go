package files

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// accountForm is where clouds write the id of an account (a subscription, a project, a tenancy) into an id of something
// else. The first group is the account's id.
type accountForm struct {
	pattern *regexp.Regexp
	// stand is what stands for the n-th account: of the same form, so that what reads the id reads it still.
	stand func(n int) string
	// anywhere says that the id is replaced wherever it occurs: it is too long to be anything else. A project's name may be
	// that of a namespace.
	anywhere bool
}

var (
	standUUID    = func(n int) string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", n) }
	standAccount = func(n int) string { return fmt.Sprintf("%012d", n) }
	standName    = func(n int) string { return fmt.Sprintf("account-%d", n) }
)

const uuidForm = `[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`

// accountForms are those of the clouds: Azure's resource ids, Google Cloud's provider ids and resource names, AWS's ARNs,
// IBM Cloud's provider ids and CRNs, Oracle Cloud's ids of tenancies and compartments.
var accountForms = []accountForm{
	{regexp.MustCompile(`(?i)/subscriptions/(` + uuidForm + `)(?:/|$)`), standUUID, true},
	{regexp.MustCompile(`(?i)/subscriptions/([^/]+)`), standName, false},
	{regexp.MustCompile(`^gce://([^/]+)/`), standName, false},
	{regexp.MustCompile(`\bprojects/([^/]+)/`), standName, false},
	{regexp.MustCompile(`\barn:[a-z-]+:[^:]*:[^:]*:([0-9]{12}):`), standAccount, true},
	{regexp.MustCompile(`^ibm(?:vpc|powervs)?://([^/]+)/`), standName, false},
	{regexp.MustCompile(`\bcrn:(?:[^:]*:){5}a/([0-9a-f]{32}):`), standName, true},
	{regexp.MustCompile(`\bocid1\.(?:tenancy|compartment)\.[^.]*\.[^.]*\.([a-z0-9]+)`), standName, true},
}

// accountKeys are parts of names of labels and fields whose values are ids of accounts, where they have the form of one:
// "kubernetes.azure.com/network-subscription".
var (
	accountKeys   = regexp.MustCompile(`(?i)subscription|account|tenan|project`)
	accountValues = []accountForm{
		{regexp.MustCompile(`^(` + uuidForm + `)$`), standUUID, true},
		{regexp.MustCompile(`^([0-9]{12})$`), standAccount, true},
	}
)

// accounts replaces the ids of accounts in objects, the same id by the same words everywhere, so that a plan is the same.
type accounts struct {
	// stands are the words by the ids, of those that are replaced anywhere and of those that are replaced in their place.
	anywhere, inPlace map[string]string
	pattern           *regexp.Regexp
}

// hideAccounts replaces the ids of accounts in all the objects.
func hideAccounts(objects []map[string]any) {
	a := &accounts{anywhere: map[string]string{}, inPlace: map[string]string{}}
	for _, object := range objects {
		a.each(object, "", func(key, text string) string {
			a.learn(key, text)
			return text
		})
	}
	if len(a.anywhere) > 0 {
		var ids []string
		for _, id := range slices.Sorted(maps.Keys(a.anywhere)) {
			ids = append(ids, regexp.QuoteMeta(id))
		}
		a.pattern = regexp.MustCompile(`(?i)\b(?:` + strings.Join(ids, "|") + `)\b`)
	}
	for _, object := range objects {
		a.each(object, "", a.replace)
	}
}

// each hands every text of a value with the name of its field to change, and keeps what it returns.
func (a *accounts) each(value any, key string, change func(key, text string) string) any {
	switch typed := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(typed)) {
			typed[name] = a.each(typed[name], name, change)
		}
	case []any:
		for i, inner := range typed {
			typed[i] = a.each(inner, key, change)
		}
	case string:
		return change(key, typed)
	}
	return value
}

func (a *accounts) learn(key, text string) {
	forms := accountForms
	if accountKeys.MatchString(key) {
		forms = slices.Concat(accountForms, accountValues)
	}
	for _, form := range forms {
		for _, found := range form.pattern.FindAllStringSubmatch(text, -1) {
			id := strings.ToLower(found[1])
			stands := a.inPlace
			if form.anywhere {
				stands = a.anywhere
			}
			if a.anywhere[id] == "" && stands[id] == "" {
				stands[id] = form.stand(len(a.anywhere) + len(a.inPlace) + 1)
			}
		}
	}
}

func (a *accounts) replace(_, text string) string {
	if a.pattern != nil {
		text = a.pattern.ReplaceAllStringFunc(text, func(id string) string { return a.anywhere[strings.ToLower(id)] })
	}
	for _, form := range accountForms {
		if form.anywhere {
			continue
		}
		var out strings.Builder
		done := 0
		for _, found := range form.pattern.FindAllStringSubmatchIndex(text, -1) {
			stand, ok := a.inPlace[strings.ToLower(text[found[2]:found[3]])]
			if !ok {
				continue
			}
			out.WriteString(text[done:found[2]] + stand)
			done = found[3]
		}
		text = out.String() + text[done:]
	}
	return text
}
