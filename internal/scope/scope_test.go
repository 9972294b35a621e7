package scope_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scope"
)

const (
	here  = "project-here"
	there = "project-there"
)

// grant is a rule that gives permission sets in projects.
func grant(projects []string, sets ...string) scaleway.Grant {
	return scaleway.Grant{PermissionSets: sets, ProjectIDs: projects}
}

func onCondition(g scaleway.Grant) scaleway.Grant {
	g.Condition = "request.user_agent == 'x'"
	return g
}

func everywhere(g scaleway.Grant) scaleway.Grant {
	g.Organization, g.ProjectIDs = true, nil
	return g
}

func ofOrganization(g scaleway.Grant) scaleway.Grant {
	g = everywhere(g)
	g.OrganizationSets = true
	return g
}

func TestScope(t *testing.T) {
	t.Parallel()
	const functions, containers = "FunctionsPrivateAccess", "ContainersPrivateAccess"
	for _, tt := range []struct {
		name   string
		rules  []scaleway.Grant
		listed []string
		group  *scaleway.Group // nil: the policy names the application
		want   string
	}{
		{"private access to this project alone", []scaleway.Grant{grant([]string{here}, functions, containers)}, nil, nil, "in, functions containers, may be probed"},
		{"to functions only", []scaleway.Grant{grant([]string{here}, functions)}, nil, nil, "in, functions, may be probed"},
		{"in two rules", []scaleway.Grant{grant([]string{here}, containers), grant([]string{here}, functions)}, nil, nil, "in, functions containers, may be probed"},
		{"through a group", []scaleway.Grant{grant([]string{here}, functions)}, nil, &scaleway.Group{ApplicationIDs: []string{"app"}}, "in, functions, may be probed"},
		{"through a group of all applications", []scaleway.Grant{grant([]string{here}, functions)}, nil, &scaleway.Group{AllApplications: true}, "in, functions, may be probed"},
		{"through a group that it is not in", []scaleway.Grant{grant([]string{here}, functions)}, nil, &scaleway.Group{}, "out: no policy grants it private access to this project, may be probed"},
		{"to another project too", []scaleway.Grant{grant([]string{here, there}, functions)}, nil, nil, "out, reported: it reaches more than this project, functions, may be probed"},
		{"to another project by another rule", []scaleway.Grant{grant([]string{here}, functions), grant([]string{there}, "ObjectStorageFullAccess")}, nil, nil, "out, reported: it reaches more than this project, functions"},
		{"to another project on a condition", []scaleway.Grant{grant([]string{here}, functions), onCondition(grant([]string{there}, functions))}, nil, nil, "out, reported: it reaches more than this project, functions, may be probed"},
		{"to the whole organization", []scaleway.Grant{everywhere(grant(nil, functions))}, nil, nil, "out, reported: it reaches more than this project, functions, may be probed"},
		{"here on a condition only", []scaleway.Grant{onCondition(grant([]string{here}, functions))}, nil, nil, "in, may be probed"},
		{"here on a condition, elsewhere for good", []scaleway.Grant{onCondition(grant([]string{here}, functions)), grant([]string{there}, functions)}, nil, nil, "out, reported: it reaches more than this project, may be probed"},
		{"with a right to read its secret", []scaleway.Grant{grant([]string{here}, functions, "SecretManagerSecretAccess")}, nil, nil, "in, functions"},
		{"with a right on the organization itself", []scaleway.Grant{grant([]string{here}, functions), ofOrganization(grant(nil, "OrganizationReadOnly"))}, nil, nil, "out, a line: an administrator's: it has OrganizationReadOnly on the organization, functions"},
		{"and the right to everything of IAM", []scaleway.Grant{ofOrganization(grant(nil, "IAMManager")), grant([]string{here}, functions)}, nil, nil, "out, a line: an administrator's: it has IAMManager on the organization, functions"},
		{"on a condition", []scaleway.Grant{grant([]string{here}, functions), onCondition(ofOrganization(grant(nil, "IAMManager")))}, nil, nil, "out, a line: an administrator's: it has IAMManager on the organization, functions"},
		{"a right of products on the organization", []scaleway.Grant{grant([]string{here}, functions), everywhere(grant(nil, "ObjectStorageReadOnly"))}, nil, nil, "out, a line: an administrator's: it has ObjectStorageReadOnly on the organization, functions"},
		{"a right on the organization, through a group", []scaleway.Grant{grant([]string{here}, functions), ofOrganization(grant(nil, "ProjectManager"))}, nil, &scaleway.Group{AllApplications: true}, "out, a line: an administrator's: it has ProjectManager on the organization, functions"},
		{"a right on the organization, listed", []scaleway.Grant{grant([]string{here}, functions), ofOrganization(grant(nil, "IAMManager"))}, []string{"app"}, nil, "in, functions"},
		{"a right on the organization alone", []scaleway.Grant{ofOrganization(grant(nil, "IAMManager"))}, nil, nil, "out: no policy grants it private access to this project"},
		{"a right of the organization's kind in another project", []scaleway.Grant{grant([]string{here}, functions), {PermissionSets: []string{"ProjectManager"}, ProjectIDs: []string{there}, OrganizationSets: true}}, nil, nil, "out, reported: it reaches more than this project, functions"},
		{"a broader set only", []scaleway.Grant{grant([]string{here}, "AllProductsFullAccess")}, nil, nil, "out, a line: an administrator's: it has AllProductsFullAccess"},
		{"everything of functions", []scaleway.Grant{grant([]string{here}, "FunctionsFullAccess")}, nil, nil, "out, reported: what lets it (FunctionsFullAccess) gives more than that"},
		{"everything of containers, on a condition", []scaleway.Grant{onCondition(grant([]string{here}, "ContainersFullAccess", "ContainersReadOnly"))}, nil, nil, "out, reported: what lets it (ContainersFullAccess) gives more than that"},
		{"everything of functions, through a group", []scaleway.Grant{grant([]string{here}, "FunctionsFullAccess")}, nil, &scaleway.Group{ApplicationIDs: []string{"app"}}, "out, reported: what lets it (FunctionsFullAccess) gives more than that"},
		{"everything of functions, elsewhere", []scaleway.Grant{grant([]string{there}, "FunctionsFullAccess")}, nil, nil, "out: no policy grants it private access to this project"},
		{"everything of functions, and private access", []scaleway.Grant{grant([]string{here}, "FunctionsFullAccess", functions)}, nil, nil, "in, functions"},
		{"only reading", []scaleway.Grant{grant([]string{here}, "FunctionsReadOnly", "AllProductsReadOnly", "ContainerRegistryFullAccess")}, nil, nil, "out: no policy grants it private access to this project"},
		{"a broader set, listed", []scaleway.Grant{grant([]string{here}, "AllProductsFullAccess")}, []string{"app"}, nil, "in"},
		{"several projects, listed", []scaleway.Grant{grant([]string{here, there}, functions)}, []string{"app"}, nil, "in, functions, may be probed"},
		{"another one is listed", []scaleway.Grant{grant([]string{here}, functions)}, []string{"another"}, nil, "out, a line: not listed in ROTATOR_APPLICATIONS"},
		{"another one is listed, and this one can call nothing", []scaleway.Grant{grant([]string{here}, "FunctionsReadOnly")}, []string{"another"}, nil, "out: not listed in ROTATOR_APPLICATIONS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			policy := scaleway.Principal{PolicyID: "policy", ApplicationID: "app"}
			s := &scope.Facts{
				Applications: []scaleway.Application{{ID: "app", Name: "orders"}},
				Rules:        map[string][]scaleway.Grant{"policy": tt.rules}, Listed: tt.listed, Project: here, OwnID: "own",
			}
			if tt.group != nil {
				tt.group.ID = "group"
				policy.ApplicationID, policy.GroupID = "", "group"
				s.Groups = []scaleway.Group{*tt.group}
			}
			s.Policies = []scaleway.Principal{policy}
			if diff := cmp.Diff(tt.want, sayMember(s.Members()[0])); diff != "" {
				t.Errorf("scope (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScopeLeavesOut(t *testing.T) {
	t.Parallel()
	s := &scope.Facts{
		Applications: []scaleway.Application{{ID: "own"}, {ID: "managed", Managed: true}, {ID: "unread"}},
		Policies: []scaleway.Principal{
			{PolicyID: "a", ApplicationID: "own"},
			{PolicyID: "b", ApplicationID: "managed"},
			{PolicyID: "c", ApplicationID: "unread"},
			{PolicyID: "d", ApplicationID: "unread"},
			{PolicyID: "e"}, // of nobody
			{PolicyID: "f", UserID: "dana"},
		},
		Rules: map[string][]scaleway.Grant{"c": {grant([]string{here}, "FunctionsPrivateAccess")}}, Project: here, OwnID: "own",
	}
	var relevant []string
	for _, p := range s.Relevant() {
		relevant = append(relevant, p.PolicyID)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "f"}, relevant); diff != "" {
		t.Errorf("policies whose rules are read (-want +got):\n%s", diff)
	}
	var got []string
	for _, m := range s.Members() {
		got = append(got, m.App.ID+" "+sayMember(m))
	}
	want := []string{
		"own out, a line: the function's own application",
		"managed out: managed by Scaleway",
		"unread out, reported: its policies could not be read, functions",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("scope (-want +got):\n%s", diff)
	}
}

// A policy that says nobody's name may be anybody's: it gives nothing, but it may
// be why an application is not to be touched, or its key not to be shown.
func TestAPolicyThatDoesNotSayWhoseItIsMayBeAnybodys(t *testing.T) {
	t.Parallel()
	const functions = "FunctionsPrivateAccess"
	for _, tt := range []struct {
		name   string
		listed []string
		rule   scaleway.Grant
		want   string
	}{
		{"it gives as much", nil, grant([]string{here}, functions), "in, functions, may be probed"},
		{"it gives private access to what the application has none to", nil, grant([]string{here}, "ContainersPrivateAccess"), "in, functions, may be probed"},
		{"it gives more here", nil, grant([]string{here}, "AllProductsFullAccess"), "in, functions"},
		{"it gives something there", nil, grant([]string{there}, functions), "out, reported: a policy that does not say whose it is reaches more than this project, and may be its own, functions, may be probed"},
		{"it gives everything everywhere", nil, everywhere(grant(nil, "AllProductsFullAccess")), "out, reported: a policy that does not say whose it is reaches more than this project, and may be its own, functions"},
		{"so it does, and the application is listed", []string{"app"}, everywhere(grant(nil, "AllProductsFullAccess")), "in, functions"},
	} {
		s := &scope.Facts{
			Applications: []scaleway.Application{{ID: "app", Name: "orders"}}, Listed: tt.listed, Project: here, OwnID: "own",
			Policies: []scaleway.Principal{{PolicyID: "a", ApplicationID: "app"}, {PolicyID: "b", Unknown: true}},
			Rules:    map[string][]scaleway.Grant{"a": {grant([]string{here}, functions)}, "b": {tt.rule}},
		}
		m := s.Members()[0]
		if diff := cmp.Diff(tt.want, sayMember(m)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if m.Doubtful == m.In {
			t.Errorf("%s: in doubt: %t", tt.name, m.Doubtful)
		}
	}
}

// Whoever can call is told, whatever lets them: the kind of the permission set, the
// way to it, and a condition make no difference.
func TestEveryCallerIsTold(t *testing.T) {
	t.Parallel()
	const functions, containers = "FunctionsPrivateAccess", "ContainersPrivateAccess"
	s := &scope.Facts{
		Applications: []scaleway.Application{{ID: "own"}, {ID: "checkout"}, {ID: "pipeline"}, {ID: "admin"}, {ID: "seldom"}, {ID: "managed", Managed: true}, {ID: "reader"}, {ID: "there"}},
		Users:        []scaleway.User{{ID: "olga", Owner: true}, {ID: "dana"}, {ID: "eve"}, {ID: "fay"}},
		Groups: []scaleway.Group{
			{ID: "people", UserIDs: []string{"eve", "guest"}}, {ID: "everybody", AllUsers: true}, {ID: "machines", AllApplications: true},
		},
		Policies: []scaleway.Principal{
			{PolicyID: "own", ApplicationID: "own"},
			{PolicyID: "checkout", ApplicationID: "checkout"},
			{PolicyID: "pipeline", ApplicationID: "pipeline"},
			{PolicyID: "admin", ApplicationID: "admin"},
			{PolicyID: "seldom", ApplicationID: "seldom"},
			{PolicyID: "managed", ApplicationID: "managed"},
			{PolicyID: "reader", ApplicationID: "reader"},
			{PolicyID: "there", ApplicationID: "there"},
			{PolicyID: "dana", UserID: "dana"},
			{PolicyID: "people", GroupID: "people"},
			{PolicyID: "everybody", GroupID: "everybody"},
			{PolicyID: "machines", GroupID: "machines"},
		},
		Rules: map[string][]scaleway.Grant{
			"own":       {grant([]string{here}, "FunctionsFullAccess", "ContainersFullAccess", "SecretManagerReadOnly")},
			"checkout":  {grant([]string{here}, functions, containers)},
			"pipeline":  {grant([]string{here}, "ContainersFullAccess")},
			"admin":     {everywhere(grant(nil, "AllProductsFullAccess"))},
			"seldom":    {onCondition(grant([]string{here}, functions))},
			"managed":   {grant([]string{here}, functions)},
			"reader":    {grant([]string{here}, "AllProductsReadOnly", "SecretManagerSecretAccess")},
			"there":     {grant([]string{there}, functions)},
			"dana":      {ofOrganization(grant(nil, "IAMManager")), onCondition(grant([]string{here}, "AllProductsFullAccess"))},
			"people":    {grant([]string{here, there}, containers)},
			"everybody": {grant([]string{there}, functions)},
			"machines":  {grant([]string{there}, "ObjectStorageReadOnly")},
		},
		Project: here, OwnID: "own",
	}
	say := func() []string {
		var got []string
		for _, c := range s.Callers() {
			got = append(got, fmt.Sprint(c.Kind, " ", c.ID, " ", c.Products, " ", c.Sets, map[bool]string{true: " on a condition"}[c.Conditional]))
		}
		return got
	}
	want := []string{
		"application own [functions containers] [FunctionsFullAccess ContainersFullAccess]",
		"application checkout [functions containers] [FunctionsPrivateAccess ContainersPrivateAccess]",
		"application pipeline [containers] [ContainersFullAccess]",
		"application admin [functions containers] [AllProductsFullAccess]",
		"application seldom [functions] [FunctionsPrivateAccess] on a condition",
		"application managed [functions] [FunctionsPrivateAccess]",
		"user olga [functions containers] []",
		"user dana [functions containers] [AllProductsFullAccess] on a condition",
		"user eve [containers] [ContainersPrivateAccess]",
		"user guest [containers] [ContainersPrivateAccess]",
	}
	if diff := cmp.Diff(want, say()); diff != "" {
		t.Errorf("who can call (-want +got):\n%s", diff)
	}
	s.Rules["everybody"] = []scaleway.Grant{grant([]string{here}, functions)}
	s.Rules["machines"] = []scaleway.Grant{onCondition(grant([]string{here}, "FunctionsFullAccess"))}
	want = []string{
		"application own [functions containers] [FunctionsFullAccess ContainersFullAccess]",
		"application checkout [functions containers] [FunctionsPrivateAccess ContainersPrivateAccess FunctionsFullAccess]",
		"application pipeline [functions containers] [ContainersFullAccess FunctionsFullAccess]",
		"application admin [functions containers] [AllProductsFullAccess FunctionsFullAccess]",
		"application seldom [functions] [FunctionsPrivateAccess FunctionsFullAccess] on a condition",
		"application managed [functions] [FunctionsPrivateAccess FunctionsFullAccess]",
		"application reader [functions] [FunctionsFullAccess] on a condition",
		"application there [functions] [FunctionsFullAccess] on a condition",
		"user olga [functions containers] [FunctionsPrivateAccess]",
		"user dana [functions containers] [AllProductsFullAccess FunctionsPrivateAccess]",
		"user eve [functions containers] [ContainersPrivateAccess FunctionsPrivateAccess]",
		"user fay [functions] [FunctionsPrivateAccess]",
		"user guest [functions containers] [ContainersPrivateAccess FunctionsPrivateAccess]",
	}
	if diff := cmp.Diff(want, say()); diff != "" {
		t.Errorf("who can call, by groups of all (-want +got):\n%s", diff)
	}
}

func sayMember(m scope.Member) string {
	text := "in"
	if !m.In {
		text = "out"
		switch {
		case m.Notable && m.Quiet:
			text = "out, a line"
		case m.Notable:
			text = "out, reported"
		}
		text += ": " + m.Reason
	}
	for i, p := range m.Products {
		text += map[bool]string{true: ", ", false: " "}[i == 0] + string(p)
	}
	if m.Only {
		text += ", may be probed"
	}
	return text
}
