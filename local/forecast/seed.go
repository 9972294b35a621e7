package forecast

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// invented is the application, and the function, on which runs are played where none is
// deployed.
const invented = "key-rotator (not deployed yet)"

// sower makes a seed of a snapshot. Every secret in it is made up when it is loaded.
type sower struct {
	*snapshot

	projects map[string]bool // by ID, those that anything names
	unplayed []string        // what has no place in a seed
}

// seed is the organization as it is, for an emulator whose clock reads s.at.
func (s *snapshot) seed() (seed emulator.Seed, unplayed []string) {
	w := sower{snapshot: s, projects: map[string]bool{s.project: true}}
	seed.OrganizationID = s.organization
	if s.lifetimeCap > 0 {
		seed.SecuritySettings = &emulator.SeedSettings{MaxAPIKeyExpiration: emulator.SeedAge(s.lifetimeCap)}
	}
	for _, u := range s.users {
		seed.Users = append(seed.Users, emulator.SeedUser{Username: u.ID, Keys: w.keysOf(u.ID), Policies: w.policiesOf(u.ID)})
	}
	for _, a := range s.applications {
		seed.Applications = append(seed.Applications, emulator.SeedApplication{
			Name: a.Name, ID: a.ID, Description: a.Description, Managed: a.Managed, Keys: w.keysOf(a.ID), Policies: w.policiesOf(a.ID),
		})
	}
	for _, g := range s.groups {
		row := emulator.SeedGroup{Name: g.ID, AllApplications: g.AllApplications, AllUsers: g.AllUsers, Policies: w.policiesOf(g.ID)}
		for _, id := range g.ApplicationIDs {
			if slices.ContainsFunc(s.applications, func(a scaleway.Application) bool { return a.ID == id }) {
				row.Applications = append(row.Applications, id)
			}
		}
		for _, id := range g.UserIDs {
			if slices.ContainsFunc(s.users, func(u scaleway.User) bool { return u.ID == id }) {
				row.Users = append(row.Users, id)
			}
		}
		seed.Groups = append(seed.Groups, row)
	}
	for _, p := range s.policies {
		if p.Unknown {
			w.unplayed = append(w.unplayed, "policy "+p.PolicyName+" does not say whose it is: it is left out, while real runs take it for anybody's")
		}
	}
	for _, c := range s.secrets {
		seed.Secrets = append(seed.Secrets, w.secret(c))
	}
	seed.Serverless = w.places()
	if function, _ := s.own(); function == nil {
		w.invent(&seed)
	}
	for _, id := range slices.Sorted(maps.Keys(w.projects)) {
		seed.Projects = append(seed.Projects, emulator.SeedProject{Name: w.projectName(id), ID: id})
	}
	return seed, w.unplayed
}

// age is how long ago that was. What a seed has of age 0 was made just now.
func (w *sower) age(at time.Time) emulator.SeedAge { return emulator.SeedAge(max(w.at.Sub(at), 0)) }

// projectName is how a seed names a project: every organization has one named default.
func (w *sower) projectName(id string) string {
	w.projects[id] = true
	if id == w.organization {
		return "default"
	}
	return id
}

func (w *sower) keysOf(bearer string) []emulator.SeedKey {
	var keys []emulator.SeedKey
	for _, k := range w.keys {
		if k.ApplicationID+k.UserID != bearer {
			continue
		}
		row := emulator.SeedKey{
			AccessKey: k.AccessKey, Description: k.Description, Age: w.age(k.CreatedAt), Managed: k.Managed, Deletable: &k.Deletable,
		}
		if k.DefaultProjectID != "" {
			row.Project = w.projectName(k.DefaultProjectID)
		}
		if !k.ExpiresAt.IsZero() {
			if row.ExpiresIn = emulator.SeedAge(k.ExpiresAt.Sub(w.at)); row.ExpiresIn == 0 {
				row.ExpiresIn = -1
			}
		}
		keys = append(keys, row)
	}
	return keys
}

func (w *sower) policiesOf(principal string) []emulator.SeedPolicy {
	var policies []emulator.SeedPolicy
	for _, p := range w.policies {
		if p.ApplicationID+p.GroupID+p.UserID != principal {
			continue
		}
		row := emulator.SeedPolicy{Name: p.PolicyName}
		for _, g := range p.rules {
			rule := emulator.SeedRule{PermissionSets: g.PermissionSets, Organization: g.Organization, Condition: g.Condition}
			for _, id := range g.ProjectIDs {
				if !g.Organization {
					rule.Projects = append(rule.Projects, w.projectName(id))
				}
			}
			if rule.Organization || len(rule.Projects) > 0 { // else it reaches nothing
				row.Rules = append(row.Rules, rule)
			}
		}
		policies = append(policies, row)
	}
	return policies
}

// secret is a credential whose versions hold pairs of this play: those of living keys
// open what the keys do, the others nothing.
func (w *sower) secret(c credential) emulator.SeedSecret {
	row := emulator.SeedSecret{
		Name: c.Name, Project: w.projectName(w.project), Region: c.Region, Path: c.Path, Type: "key_value", Tags: c.Tags, Age: w.age(c.CreatedAt),
	}
	if c.Opaque {
		row.Type = "opaque"
	}
	for _, v := range slices.Backward(c.versions) { // newest first
		if v.Going {
			continue
		}
		data := `{"made":"up"}`
		if access := rotate.VersionKey(v.Description); access != "" {
			secret := "11111111-2222-4333-8444-555555555555"
			if slices.ContainsFunc(w.keys, func(k scaleway.APIKey) bool { return k.AccessKey == access }) {
				secret = "${secret_key:" + access + "}"
			}
			data = fmt.Sprintf(`{"access_key":%q,"secret_key":%q}`, access, secret)
		}
		row.Versions = append(row.Versions, emulator.SeedVersion{
			Data: data, Description: v.Description, Age: w.age(v.CreatedAt), Changed: w.age(v.UpdatedAt), Disabled: !v.Enabled,
		})
	}
	return row
}

// invent adds a function as README's policy has it.
func (w *sower) invent(seed *emulator.Seed) {
	rules := []emulator.SeedRule{{Organization: true}, {Projects: []string{w.projectName(w.project)}}}
	for _, set := range scaleway.Policy() {
		at := &rules[1]
		if set.Organization {
			at = &rules[0]
		}
		at.PermissionSets = append(at.PermissionSets, set.Name)
	}
	seed.Applications = append(seed.Applications, emulator.SeedApplication{
		Name: invented, Keys: []emulator.SeedKey{{Description: rotate.Marked("key-rotator", w.project), Project: w.projectName(w.project)}},
		Policies: []emulator.SeedPolicy{{Name: invented, Rules: rules}},
	})
	seed.Serverless = append(seed.Serverless, emulator.SeedPlace{
		Project: w.projectName(w.project), Serverless: emulator.SeedServerless{FunctionNamespaces: []emulator.SeedFunctionNamespace{{
			Name: "key-rotator-not-deployed", Functions: []emulator.SeedFunction{{
				Name: "rotator", Env: map[string]string{config.Prefix + "ACCESS_KEY": "${access_key:" + invented + "}"},
				SecretEnv: map[string]string{config.Prefix + "SECRET_KEY": "${secret_key:" + invented + "}"},
			}},
		}}},
	})
}
