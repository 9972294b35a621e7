package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/secrets"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
)

// publishes tells whether an application has a credential: the client's own has
// none.
func (a *Auditor) publishes(application string) bool {
	return a.rotates(application) && !a.own(application)
}

// deleted judges that a key is gone. I2: it was not current, not the client's
// own, nothing carries it, and nobody had it within the grace.
func (a *Auditor) deleted(r *traffic.Request, access string, k seenKey, current map[string]string, now time.Time) {
	last, wasPublished := a.published[access]
	first, anyPublished := a.first[k.application]
	carrier := a.carrier(k.secret, now)
	ago, ran := a.ranWithin(access, now)
	switch {
	case access == a.rules.OwnKey:
		a.violate(r, "I2: the key that the client runs on is gone")
	case !a.rotates(k.application):
		a.violate(r, "I4: a key is gone that is not the client's to delete")
	case !k.expires.IsZero() && !now.Before(k.expires): // it opened nothing any more, since no run came in time
		a.loses(access, k.secret, a.readable()[access], now)
	case slices.Contains(slices.Collect(maps.Values(current)), access) && !(a.revoked[access] && !a.isPresent(access)):
		a.violate(r, "I2: the current key "+access+" is gone")
	case carrier != "" && !a.word(access, now):
		a.violate(r, "I2: "+access+" is gone, which "+carrier)
	case a.blindly[access]:
		a.loses(access, k.secret, false, now)
	case a.now[access]:
		a.losesUnseen(access, k.secret, now)
	case a.revoked[access]:
	case wasPublished && now.Sub(last) < a.rules.Grace:
		a.violate(r, fmt.Sprintf("I2: %s is gone %s after it was current", access, now.Sub(last)))
	case ran:
		a.violate(r, fmt.Sprintf("I2: %s is gone %s after something last ran with it", access, ago))
	case wasPublished || k.minted:
	case a.own(k.application) && a.ranOn[access]: // nothing runs with it any more
	case !anyPublished || now.Sub(first) < a.rules.Grace || now.Sub(k.created) < a.rules.Grace:
		a.violate(r, "I2: "+access+" is gone, which people may hold, before its grace was over")
	}
}

type publishedPair struct {
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// newestPair is what readers of latest_enabled get.
func newestPair(s *secrets.Secret) publishedPair {
	for _, v := range slices.Backward(s.Versions) {
		if v.Status == secrets.VersionEnabled {
			return pairOf(v)
		}
	}
	return publishedPair{}
}

// pairOf is what a version holds; an empty one tells that it is no pair.
func pairOf(v *secrets.Version) (pair publishedPair) {
	_ = json.Unmarshal(v.Data, &pair)
	return pair
}

// unusable tells why a reader of the secret has no working key, or "". Before
// the first publish there is nothing to read.
func (a *Auditor) unusable(s *secrets.Secret, now time.Time) string {
	if len(s.Versions) == 0 {
		return ""
	}
	pair := newestPair(s)
	key := a.iam.Key(pair.AccessKey)
	switch {
	case pair.AccessKey == "":
		return "secret " + s.Name + " has no enabled version that holds a key"
	case key == nil:
		return "secret " + s.Name + " holds " + pair.AccessKey + ", which does not exist"
	case key.Expired(now):
		return "secret " + s.Name + " holds " + pair.AccessKey + ", which has expired"
	case key.Secret != pair.SecretKey || key.ApplicationID != s.Name:
		return "secret " + s.Name + " holds another secret key than that of " + pair.AccessKey
	case len(standing(s)) > a.base.Settings.Quotas.VersionsPerSecret:
		return "secret " + s.Name + " holds too many versions"
	}
	return ""
}

func standing(s *secrets.Secret) []*secrets.Version {
	return slices.DeleteFunc(slices.Clone(s.Versions), func(v *secrets.Version) bool {
		return v.Status != secrets.VersionEnabled && v.Status != secrets.VersionDisabled
	})
}

// outside writes down everything that the client may not change.
func (a *Auditor) outside(now time.Time) string {
	var out strings.Builder
	for _, app := range a.iam.Applications() {
		fmt.Fprintln(&out, "application", app.ID, app.Name)
	}
	for _, p := range a.iam.Policies() {
		fmt.Fprintln(&out, "policy", p.ID, len(p.Rules))
	}
	for _, k := range a.iam.Keys() {
		if !a.rotates(k.ApplicationID) {
			fmt.Fprintln(&out, "key", k.AccessKey, k.Description, k.ExpiresAt.Time)
		}
	}
	for _, p := range a.serverless.Products(now) {
		p.Describe(&out, a.rules.Project)
	}
	for _, s := range a.secrets.All() {
		if (s.ProjectID != a.rules.Project || !a.spot().has(s)) && s.DeletionRequestedAt.Time.IsZero() {
			fmt.Fprintln(&out, "secret", s.ID, len(s.Versions), s.Status)
		}
	}
	return out.String()
}
