package doctor_test

import (
	"fmt"
	"testing"

	"github.com/scw-key-rotator/rotator/local/doctor"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestRoomInTheOrganization(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		quotas emulator.Quotas
		mark   doctor.Mark
		says   string
	}{
		{emulator.Quotas{}, doctor.Right, "the organization has 3 API keys, 2 applications and 2 policies, and no limit of keys"},
		{emulator.Quotas{KeysPerOrganization: 5, Applications: 50, Policies: 2}, doctor.Right, "the organization has 3 API keys of 5, 2 applications of 50 and 2 policies of 2; runs need room for 2 API keys"},
		{emulator.Quotas{KeysPerOrganization: 4}, doctor.Warning, "the organization has 3 API keys of 4, 2 applications and 2 policies, and runs make up to 2 API keys before they delete the old ones"},
	} {
		c := openWith(t, emulator.Options{Quotas: test.quotas}, wellSet())
		r := c.examine()
		says(t, r, test.mark, test.says)
		only(t, r, "runs make up to")
	}
}

// Where the API has no such list, or does not show it, nothing is claimed.
func TestQuotasThatAreNotTold(t *testing.T) {
	t.Parallel()
	c := open(t, wellSet())
	c.Arm(emulator.Fault{Path: "/iam/v1alpha1/quota", Status: 404, Times: 100})
	r := c.examine()
	says(t, r, doctor.Right, "how many keys it may have the API does not tell")
	only(t, r)
}

func TestRoomForVersionsAndKeys(t *testing.T) {
	t.Parallel()
	seed := wellSet()
	current := seed.Secrets[0].Versions[0]
	seed.Secrets[0].Versions = nil
	for range 18 {
		seed.Secrets[0].Versions = append(seed.Secrets[0].Versions, emulator.SeedVersion{Data: `{"access_key":"SCWOTHER000000000001","secret_key":"11111111-2222-4333-8444-555555555555"}`, Age: 11 * days})
	}
	for n := range 18 {
		seed.Applications[1].Keys = append(seed.Applications[1].Keys, emulator.SeedKey{AccessKey: fmt.Sprintf("SCWSPARE0000000000%02d", n), Age: days, ExpiresIn: 80 * days, Project: "demo"})
	}
	seed.Secrets[0].Versions = append(seed.Secrets[0].Versions, current)
	c := open(t, seed)
	r := c.examine()
	says(t, r, doctor.Warning, "secret /rotator/"+checkout+" holds 19 of 20 versions: each new key takes one")
	says(t, r, doctor.Warning, "application checkout has 19 keys, and may have no more than 20")
	c.MustCall("DELETE", emulatortest.SecretsPath+"/"+emulatortest.Column(c.MustCall("GET", emulatortest.SecretsPath, nil), "secrets", "id")[0]+"/versions/1", nil)
	says(t, c.examine(), doctor.Right, "no secret in /rotator holds more than 18 of 20 versions")
}

func TestTheCapOnLifetimes(t *testing.T) {
	t.Parallel()
	for limit, want := range map[string]struct {
		mark doctor.Mark
		says string
	}{
		"0s":        {doctor.Right, "the organization does not cap the lifetime of keys, which is 90d here"},
		"15552000s": {doctor.Right, "the organization caps the lifetime of keys at 180d, and here it is 90d"},
		"2592000s":  {doctor.Warning, "the organization caps the lifetime of keys at 30d, below ROTATOR_KEY_LIFETIME (90d): keys get 30d"},
	} {
		c := open(t, wellSet())
		c.MustCall("PATCH", "/iam/v1alpha1/organizations/"+c.Organization()+"/security-settings", emulatortest.Object{"max_api_key_expiration_duration": limit})
		r := c.examine()
		says(t, r, want.mark, want.says)
		if want.mark == doctor.Right {
			only(t, r)
		}
	}
}
