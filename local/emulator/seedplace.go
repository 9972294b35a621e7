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

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

func (l loader) secret(s SeedSecret) error {
	project, err := l.mustProject("project", s.Project)
	if err != nil {
		return err
	}
	region, kind := wire.Chosen(s.Region, "fr-par"), wire.Chosen(s.Type, "opaque")
	switch {
	case s.Name == "":
		return errNameRequired
	case strings.Contains(s.Name, "/"):
		return fmt.Errorf("name: want one without a slash, not %q; folders go in path", s.Name)
	case !slices.Contains(secretRegions, region):
		return noneOf("region", region, secretRegions)
	case !slices.Contains(secretTypes, kind):
		return noneOf("type", kind, secretTypes)
	case s.Path != "" && !strings.HasPrefix(s.Path, "/"):
		return fmt.Errorf("path: want one that starts with a slash, not %q", s.Path)
	case len(l.secretsIn(region).rows.All(func(other *secret) bool {
		return other.ProjectID == project && other.Name == s.Name && other.Path == cleanPath(s.Path)
	})) > 0:
		return fmt.Errorf("name: another secret of the project is named %s in %s", s.Name, cleanPath(s.Path))
	}
	if s.Age == 0 {
		for _, v := range s.Versions {
			s.Age = max(s.Age, v.Age)
		}
	}
	created := wire.At(l.now.Add(-time.Duration(s.Age)))
	row := &secret{
		ID: l.mint.UUID(), ProjectID: project, Name: s.Name, Status: "ready", CreatedAt: created, UpdatedAt: created,
		Tags: wire.OrEmpty(s.Tags), Description: s.Description, Type: kind, Protected: s.Protected,
		Path: cleanPath(s.Path), UsedBy: []string{}, Region: region,
	}
	for i, v := range s.Versions {
		data, err := l.expand(v.Data)
		if err != nil {
			return fmt.Errorf("versions[%d].data: %w", i, err)
		}
		if v.Random > 0 {
			data = base64.RawURLEncoding.EncodeToString(l.mint.Bytes(v.Random))[:v.Random]
		}
		when := wire.At(l.now.Add(-time.Duration(v.Age)))
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
	l.secretsIn(row.Region).rows.Put(row.ID, row)
	return nil
}

var keyReference = regexp.MustCompile(`\$\{(access_key|secret_key):([^}]*)\}`)

// expand puts keys in the place of references to them.
func (e *Emulator) expand(text string) (string, error) {
	var missing []string
	out := keyReference.ReplaceAllStringFunc(text, func(reference string) string {
		parts := keyReference.FindStringSubmatch(reference)
		key := e.iam.keys.Get(parts[2])
		if key == nil {
			key = e.iam.newestKey(parts[2])
		}
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
		return "", fmt.Errorf("no key, and no application with a key, is named %s", either(missing))
	}
	return out, nil
}

func (e *Emulator) loadPlace(p SeedPlace) error {
	regions := append(slices.Clone(serverlessRegions), milan)
	if region := wire.Chosen(p.Region, "fr-par"); !slices.Contains(regions, region) {
		return noneOf("region", region, regions)
	}
	e.mu.Lock()
	id, err := loader{Emulator: e}.mustProject("project", p.Project)
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
	expand := func(field string, env *map[string]string) {
		expanded := maps.Clone(*env)
		for name, value := range expanded {
			text, err := e.expand(value)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s.%s: %w", field, name, err))
			}
			expanded[name] = text
		}
		*env = expanded
	}
	s.FunctionNamespaces = slices.Clone(s.FunctionNamespaces)
	for i := range s.FunctionNamespaces {
		ns, field := &s.FunctionNamespaces[i], fmt.Sprintf("function_namespaces[%d]", i)
		ns.Functions = slices.Clone(ns.Functions)
		expand(field+".env", &ns.Env)
		expand(field+".secret_env", &ns.SecretEnv)
		for j := range ns.Functions {
			f, field := &ns.Functions[j], fmt.Sprintf("%s.functions[%d]", field, j)
			expand(field+".env", &f.Env)
			expand(field+".secret_env", &f.SecretEnv)
		}
	}
	s.ContainerNamespaces = slices.Clone(s.ContainerNamespaces)
	for i := range s.ContainerNamespaces {
		ns, field := &s.ContainerNamespaces[i], fmt.Sprintf("container_namespaces[%d]", i)
		ns.Containers = slices.Clone(ns.Containers)
		expand(field+".env", &ns.Env)
		expand(field+".secret_env", &ns.SecretEnv)
		for j := range ns.Containers {
			c, field := &ns.Containers[j], fmt.Sprintf("%s.containers[%d]", field, j)
			expand(field+".env", &c.Env)
			expand(field+".secret_env", &c.SecretEnv)
		}
	}
	return s, failed
}
