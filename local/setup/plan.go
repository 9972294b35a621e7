package setup

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// Plan says what is to be done, in order, so that all is there that is needed. It
// refuses what it cannot know.
func Plan(f Facts) ([]Step, error) {
	var steps []Step
	problems := []error{f.Env.checked(f), f.Narrow.checked()}
	for _, role := range Roles() {
		app, err := f.application(role)
		policy, err2 := f.policy(role)
		problems = append(problems, err, err2)
		if role == Checking && app == nil && policy == nil && f.Env.Values[probeApplication] != "" {
			continue // somebody has made one before
		}
		if app == nil {
			steps = append(steps, Step{
				Action: Make, What: "application", Role: role, Name: f.name(role),
				Text: fmt.Sprintf("application %q, described %q", f.name(role), Description(role, f.ProjectID)),
			})
		}
		want := f.rules(role)
		switch {
		case policy == nil:
			steps = append(steps, Step{
				Action: Make, What: "policy", Role: role, Name: f.name(role), rules: want,
				Text: fmt.Sprintf("policy %q: %s", f.name(role), said(want, f.ProjectID)),
			})
			continue
		case app == nil || policy.ApplicationID != app.ID:
			steps = append(steps, Step{
				Action: Change, What: "policy", Role: role, Name: policy.PolicyName, ID: policy.PolicyID, attach: true,
				Text: fmt.Sprintf("policy %q: is not that application's, and becomes it", policy.PolicyName),
			})
		}
		if !same(policy.Rules, want) {
			steps = append(steps, Step{
				Action: Change, What: "policy", Role: role, Name: policy.PolicyName, ID: policy.PolicyID, rules: want,
				Text: fmt.Sprintf("policy %q: gives %s, and is to give %s", policy.PolicyName, said(policy.Rules, f.ProjectID), said(want, f.ProjectID)),
			})
		}
	}
	steps = append(steps, f.Env.filled()...)
	return steps, errors.Join(problems...)
}

// Removal says how to take away what Plan has made. It refuses while a function
// needs it.
func Removal(f Facts) ([]Step, error) {
	var steps, last []Step
	var problems []error
	var gone []string
	for _, role := range Roles() {
		app, err := f.application(role)
		policy, err2 := f.policy(role)
		problems = append(problems, err, err2)
		if policy != nil { // first: without its application, a policy stays behind
			last = append(last, Step{
				Action: Delete, What: "policy", Role: role, Name: policy.PolicyName, ID: policy.PolicyID,
				Text: fmt.Sprintf("policy %q", policy.PolicyName),
			})
		}
		if app == nil {
			continue
		}
		gone = append(gone, app.ID)
		var keys []string
		for _, k := range f.Keys {
			if k.ApplicationID == app.ID {
				keys = append(keys, k.AccessKey)
			}
		}
		for _, r := range f.Functions {
			if r.Checks == app.ID || slices.Contains(keys, r.AccessKey) {
				problems = append(problems, fmt.Errorf("function %s works with application %q: make undeploy first", r.Name, app.Name))
			}
		}
		text := fmt.Sprintf("application %q", app.Name)
		if len(keys) > 0 {
			text += ", and with it its keys: " + strings.Join(keys, ", ")
		}
		last = append(last, Step{Action: Delete, What: "application", Role: role, Name: app.Name, ID: app.ID, Text: text})
	}
	if id := f.Env.Values[probeApplication]; slices.Contains(gone, id) {
		problems = append(problems, f.Env.writable())
		steps = append(steps, Step{Action: Write, What: ".env", drop: []string{probeApplication}, Text: ".env: takes " + probeApplication + " out; every other line stays"})
	}
	return append(steps, last...), errors.Join(problems...)
}

// application is the one that was made for a role; nil: there is none yet.
func (f Facts) application(role Role) (*scaleway.Application, error) {
	var found *scaleway.Application
	for i, a := range f.Applications {
		if a.Description != Description(role, f.ProjectID) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("applications %s and %s are both described %q: which one is it? Change the description of the other, or scw iam application delete it", found.ID, a.ID, a.Description)
		}
		found = &f.Applications[i]
	}
	return found, nil
}

func (f Facts) policy(role Role) (*Policy, error) {
	var found *Policy
	for i, p := range f.Policies {
		if p.Description != Description(role, f.ProjectID) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("policies %s and %s are both described %q: which one is it? Change the description of the other, or scw iam policy delete it", found.PolicyID, p.PolicyID, p.Description)
		}
		found = &f.Policies[i]
	}
	return found, nil
}

// name is what a person reads in the console: at most 64 characters.
func (f Facts) name(role Role) string {
	const most = 64
	name, end := "key-rotator "+f.ProjectName, ""
	if f.ProjectName == "" {
		name += f.ProjectID
	}
	if role == Checking {
		end = " checks"
	}
	if letters := []rune(name); len(letters) > most-len(end) {
		name = string(letters[:most-len(end)])
	}
	return strings.TrimSpace(name) + end
}
