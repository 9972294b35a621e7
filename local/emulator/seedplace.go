package emulator

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

func (l loader) secret(s SeedSecret) error {
	project, err := l.mustProject(s.Project)
	if err != nil {
		return err
	}
	if s.Age == 0 {
		for _, v := range s.Versions {
			s.Age = max(s.Age, v.Age)
		}
	}
	created := at(l.now.Add(-time.Duration(s.Age)))
	row := &secret{
		ID: l.mint.uuid(), ProjectID: project, Name: s.Name, Status: "ready", CreatedAt: created, UpdatedAt: created,
		Tags: orEmpty(s.Tags), Description: s.Description, Type: chosen(s.Type, "opaque"), Protected: s.Protected,
		Path: cleanPath(s.Path), UsedBy: []string{}, Region: chosen(s.Region, "fr-par"),
	}
	if !slices.Contains(secretRegions, row.Region) || !slices.Contains(secretTypes, row.Type) {
		return fmt.Errorf("no region %q, or no type %q", row.Region, row.Type)
	}
	for i, v := range s.Versions {
		data, err := l.expand(v.Data)
		if err != nil {
			return fmt.Errorf("versions[%d]: %w", i, err)
		}
		if v.Random > 0 {
			data = base64.RawURLEncoding.EncodeToString(l.mint.bytes(v.Random))[:v.Random]
		}
		when := at(l.now.Add(-time.Duration(v.Age)))
		version := &version{
			Revision: i + 1, SecretID: row.ID, Status: versionEnabled, CreatedAt: when, UpdatedAt: when,
			Description: v.Description, Latest: i == len(s.Versions)-1, Region: row.Region, data: []byte(data),
		}
		if v.Disabled {
			version.Status = versionDisabled
		}
		row.versions = append(row.versions, version)
	}
	row.VersionCount = len(row.versions)
	l.secretsIn(row.Region).rows.put(row.ID, row)
	return nil
}

var keyReference = regexp.MustCompile(`\$\{(access_key|secret_key):([^}]*)\}`)

// expand puts keys in the place of references to them.
func (e *Emulator) expand(text string) (string, error) {
	var missing []string
	out := keyReference.ReplaceAllStringFunc(text, func(reference string) string {
		parts := keyReference.FindStringSubmatch(reference)
		key := e.iam.newestKey(parts[2])
		switch {
		case key == nil:
			missing = append(missing, parts[2])
			return reference
		case parts[1] == "access_key":
			return key.AccessKey
		default:
			return key.secret
		}
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("no application with a key is named %s", strings.Join(missing, ", "))
	}
	return out, nil
}

func (e *Emulator) loadPlace(p SeedPlace) error {
	e.mu.Lock()
	id, err := loader{Emulator: e}.mustProject(p.Project)
	place := p.SeedServerless
	if err == nil {
		place, err = e.expandEnvironments(place)
	}
	e.mu.Unlock()
	if err != nil {
		return err
	}
	return e.loadServerless(id, p.Region, place)
}

// expandEnvironments returns s with every environment expanded. s itself stays
// as it is: a seed can be loaded into several emulators.
func (e *Emulator) expandEnvironments(s SeedServerless) (SeedServerless, error) {
	var failed error
	expand := func(envs ...*map[string]string) {
		for _, env := range envs {
			expanded := maps.Clone(*env)
			for name, value := range expanded {
				text, err := e.expand(value)
				failed = errors.Join(failed, err)
				expanded[name] = text
			}
			*env = expanded
		}
	}
	s.FunctionNamespaces = slices.Clone(s.FunctionNamespaces)
	for i := range s.FunctionNamespaces {
		ns := &s.FunctionNamespaces[i]
		ns.Functions = slices.Clone(ns.Functions)
		expand(&ns.Env, &ns.SecretEnv)
		for j := range ns.Functions {
			expand(&ns.Functions[j].Env, &ns.Functions[j].SecretEnv)
		}
	}
	s.ContainerNamespaces = slices.Clone(s.ContainerNamespaces)
	for i := range s.ContainerNamespaces {
		ns := &s.ContainerNamespaces[i]
		ns.Containers = slices.Clone(ns.Containers)
		expand(&ns.Env, &ns.SecretEnv)
		for j := range ns.Containers {
			expand(&ns.Containers[j].Env, &ns.Containers[j].SecretEnv)
		}
	}
	return s, failed
}
