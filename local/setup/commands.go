package setup

import (
	"fmt"
	"strings"
)

// Commands are what a person would type in the place of the steps, one a line: scw's,
// and the shell's for .env. profile is that of scw; "": the active one.
func Commands(f Facts, steps []Step, profile string) []string {
	scw := "scw "
	if profile != "" {
		scw += "--profile " + quote(profile) + " "
	}
	ids := map[Role]string{}
	for _, role := range Roles() {
		ids[role] = "application-id=\"$" + string(role) + "\""
		if app, err := f.application(role); err == nil && app != nil {
			ids[role] = "application-id=" + app.ID
		}
	}
	var out []string
	for _, s := range steps {
		named := "name=" + quote(s.Name) + " description=" + quote(Description(s.Role, f.ProjectID)) + " tags.0=key-rotator organization-id=" + f.Organization
		switch {
		case s.What == ".env":
			out = append(out, f.shell(s, ids)...)
		case s.Action == Make && s.What == "application":
			out = append(out, fmt.Sprintf("%s=$(%siam application create %s -o template='{{ .ID }}')", s.Role, scw, named))
		case s.Action == Make:
			out = append(out, scw+"iam policy create "+named+" "+ids[s.Role]+f.arguments(s.rules))
		case s.Action == Change && s.attach:
			out = append(out, scw+"iam policy update "+s.ID+" "+ids[s.Role])
		case s.Action == Change:
			out = append(out, scw+"iam rule update "+s.ID+f.arguments(s.rules))
		default:
			out = append(out, scw+"iam "+s.What+" delete "+s.ID)
		}
	}
	return out
}

func (f Facts) arguments(list []Rule) string {
	var b strings.Builder
	for i, r := range list {
		for j, set := range r.Sets {
			fmt.Fprintf(&b, " rules.%d.permission-set-names.%d=%s", i, j, set)
		}
		if r.Condition != "" {
			fmt.Fprintf(&b, " rules.%d.condition=%s", i, quote(r.Condition))
		}
		if r.Organization {
			fmt.Fprintf(&b, " rules.%d.organization-id=%s", i, f.Organization)
		}
		for j, project := range r.Projects {
			fmt.Fprintf(&b, " rules.%d.project-ids.%d=%s", i, j, project)
		}
	}
	return b.String()
}

// shell fills .env: a line that is there and empty goes first, as the first one counts.
func (f Facts) shell(s Step, ids map[Role]string) []string {
	var out []string
	if !f.Env.Exists {
		out = append(out, "touch .env")
	}
	out = append(out, "chmod 600 .env")
	for _, name := range append(s.fill, s.drop...) {
		if _, empty := f.Env.Values[name]; empty {
			out = append(out, `sed -i.old '/^ *\(export *\)*`+name+`=/d' .env && rm .env.old`)
		}
	}
	values := map[string]string{ //nolint:gosec // it is a command
		projectVariable: f.ProjectID, organizationVariable: f.Organization,
		controlSecret: "$(openssl rand -hex 32)", probeApplication: strings.Trim(strings.TrimPrefix(ids[Checking], "application-id="), `"`),
	}
	for _, name := range s.fill {
		out = append(out, `echo "`+name+"="+values[name]+`" >> .env`)
	}
	return out
}

// quote is a word of the shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
