package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	iam "github.com/scaleway/scaleway-sdk-go/api/iam/v1alpha1"
	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/internal/duration"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

const (
	versionsMax = 20 // of a secret (docs/scaleway.md, Limits)
	keysMax     = 20 // of an application, as far as is known (A19 of local/emulator/ASSUMPTIONS.md)
)

// limits reads how many there may be of what. Where that is not told, quotas stay
// unknown.
func (f *facts) limits(ctx context.Context, sdk *scw.Client, client *scaleway.Client) {
	f.lifetimeCap, f.capErr = client.KeyLifetimeCap(ctx)
	list, err := iam.NewAPI(sdk).ListQuota(&iam.ListQuotaRequest{OrganizationID: f.organization}, scw.WithContext(ctx), scw.WithAllPages())
	if err != nil {
		return
	}
	for _, q := range list.Quota {
		f.quotas[q.Name] = limitOf(q)
	}
}

// limitOf is 0 where there is none.
func limitOf(q *iam.Quotum) int {
	for _, l := range q.Limits {
		if l.Global != nil && *l.Global && l.Limit != nil {
			return int(*l.Limit) //nolint:gosec // a few
		}
	}
	return 0
}

// room says whether there is room for what is to come: a new key for each application
// while its old one lives, and for the function.
func room(f *facts) []Line {
	if f.keys == nil {
		return nil
	}
	out := f.organizations()
	for _, a := range f.applications {
		n := 0
		for _, k := range f.keys {
			if k.ApplicationID == a.ID {
				n++
			}
		}
		if n >= keysMax-1 && f.rotates(a.ID) {
			out = append(out, warning("scw iam api-key list bearer-id="+a.ID+", and delete what nobody needs", "application %s has %d keys, and may have no more than %d: a rotation needs room for one", a.Name, n, keysMax))
		}
	}
	if dead := f.dead(); len(dead) > 0 {
		out = append(out, warning("scw iam api-key delete "+dead[0], "%d of the organization's API keys expired and only take room: %s", len(dead), some(dead)))
	}
	return append(out, f.versionRoom()...)
}

// rotates tells whether an application's keys are rotated here.
func (f *facts) rotates(application string) bool {
	return application == f.own() || slices.Contains(f.applicationsInScope(), application)
}

func (f *facts) applicationsInScope() (ids []string) {
	if f.report != nil {
		for _, a := range f.report.Applications {
			if a.InScope && a.ID != f.own() {
				ids = append(ids, a.ID)
			}
		}
	}
	return ids
}

// organizations compares with the organization's quotas, as far as they are told
// (A91 of local/emulator/ASSUMPTIONS.md).
func (f *facts) organizations() []Line {
	var have, full []string
	needs := len(f.applicationsInScope()) + 1
	for _, is := range []struct {
		quota, what string
		have, needs int
	}{
		{"iam_api_keys", "API key", len(f.keys), needs},
		{"iam_applications", "application", len(f.applications), 0},
		{"iam_policies", "policy", len(f.policies), 0},
	} {
		text, most := plural(is.have, is.what), f.quotas[is.quota]
		if most > 0 {
			text += fmt.Sprintf(" of %d", most)
			if most-is.have < is.needs {
				full = append(full, fmt.Sprintf("runs make up to %s before they delete the old ones", plural(is.needs, is.what)))
			}
		}
		have = append(have, text)
	}
	most, told := f.quotas["iam_api_keys"]
	text := "the organization has " + strings.Join(have[:2], ", ") + " and " + have[2]
	switch {
	case len(full) > 0:
		return lines(warning("have the quota raised, or delete keys that nobody needs", "%s, and %s", text, full[0]))
	case !told:
		text += "; how many keys it may have the API does not tell, and a run that finds no room says so"
	case most == 0:
		text += ", and no limit of keys"
	default:
		text += fmt.Sprintf("; runs need room for %s", plural(needs, "API key"))
	}
	return lines(right("%s", text))
}

func plural(n int, what string) string {
	if n != 1 && strings.HasSuffix(what, "y") && !strings.HasSuffix(what, "ey") {
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(what, "y"))
	}
	return count(n, what)
}

// dead are keys that expired, and can be deleted.
func (f *facts) dead() (keys []string) {
	for _, k := range f.keys {
		if k.Expired(f.now) && k.Deletable && !k.Managed {
			keys = append(keys, k.AccessKey)
		}
	}
	return keys
}

// versionRoom looks for secrets whose next version finds no room.
func (f *facts) versionRoom() []Line {
	if len(f.versions) == 0 {
		return nil
	}
	most := 0
	var out []Line
	for _, s := range f.secrets {
		kept := slices.DeleteFunc(slices.Clone(f.versions[s.ID]), func(v scaleway.Version) bool { return v.Going })
		most = max(most, len(kept))
		if len(kept) >= versionsMax-1 {
			out = append(out, warning(fmt.Sprintf("scw secret version list secret-id=%s region=%s, and delete old ones that nobody reads", s.ID, s.Region),
				"secret %s holds %d of %d versions: each new key takes one", s.FullName(), len(kept), versionsMax))
		}
	}
	if len(out) == 0 {
		out = lines(right("no secret in %s holds more than %d of %d versions", f.settings.SecretPath, most, versionsMax))
	}
	return out
}

// lifetimes compares the organization's cap with the settings.
func lifetimes(f *facts) []Line {
	if f.keys == nil {
		return nil
	}
	most, wants := duration.Format(f.lifetimeCap), duration.Format(f.settings.KeyLifetime)
	switch {
	case f.capErr != nil:
		return lines(warning("have IAMReadOnly on the organization, or name another profile: go run ./local doctor --profile NAME", "whether the organization caps the lifetime of keys is not known: %s", cause(f.capErr)))
	case f.lifetimeCap == 0:
		return lines(right("the organization does not cap the lifetime of keys, which is %s here", wants))
	case f.lifetimeCap < f.settings.KeyLifetime:
		return lines(warning(fmt.Sprintf("put ROTATOR_KEY_LIFETIME=%s and what fits it into .env, then %s; or raise the cap in the organization's security settings", most, makeDeploy),
			"the organization caps the lifetime of keys at %s, below ROTATOR_KEY_LIFETIME (%s): keys get %s, and are rotated at two thirds of it", most, wants, most))
	}
	return lines(right("the organization caps the lifetime of keys at %s, and here it is %s", most, wants))
}
