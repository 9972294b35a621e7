package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// wider are the permission sets that hold others of the function's policy, as far as
// is known (A08 of local/emulator/ASSUMPTIONS.md).
func wider(set string) []string {
	secrets := []string{"SecretManagerReadOnly", "SecretManagerSecretAccess", "SecretManagerSecretCreate", "SecretManagerSecretWrite", "SecretManagerSecretDelete"}
	switch set {
	case "SecretManagerFullAccess":
		return secrets
	case "AllProductsFullAccess":
		return append(secrets, "FunctionsFullAccess", "ContainersFullAccess")
	case "IAMManager":
		return []string{"IAMReadOnly", "IAMApplicationManager"}
	}
	return nil
}

// granted is one rule that reaches the function's application.
type granted struct {
	scaleway.Grant

	policy scaleway.Principal
	rule   int // from 1
}

func (g granted) String() string {
	return fmt.Sprintf("policy %s, rule %d", g.policy.PolicyName, g.rule)
}

// holds tells whether the rule gives a permission set, and by which name.
func (g granted) holds(set string) (as string, is bool) {
	for _, have := range g.PermissionSets {
		if have == set || slices.Contains(wider(have), set) {
			return have, true
		}
	}
	return "", false
}

// reachesScope tells whether the rule gives its sets where one is needed.
func (g granted) reachesScope(need scaleway.PermissionSet, project string) bool {
	return g.Organization || !need.Organization && slices.Contains(g.ProjectIDs, project)
}

// scoped says where a rule gives what it gives.
func (g granted) scoped() string {
	if g.Organization {
		return "the organization"
	}
	return "project " + strings.Join(g.ProjectIDs, " and ")
}

// grants are the rules that reach the function's application; those of policies
// that do not say whose they are come apart.
func (f *facts) grants() (sure, possible []granted) {
	for _, p := range f.policies {
		for i, g := range f.rules[p.PolicyID] {
			rule := granted{Grant: g, policy: p, rule: i + 1}
			if p.Unknown {
				possible = append(possible, rule)
			} else {
				sure = append(sure, rule)
			}
		}
	}
	return sure, possible
}

// own is the function's application, where it has one whose policies could be read.
func (f *facts) own() string {
	key := f.ownKey()
	if key == nil || f.policies == nil {
		return ""
	}
	return key.ApplicationID
}

// tooLittle proves each permission set of README's policy.
func tooLittle(f *facts) []Line {
	if f.own() == "" {
		return lines(wrong("mend what is said of the function's key, then look again", "what the function may do cannot be told: whose key it runs on, or who may do what, is not known"))
	}
	var out []Line
	grants, _ := f.grants()
	for _, need := range scaleway.Policy() {
		out = append(out, f.proven(need, grants))
	}
	return out
}

func (f *facts) proven(need scaleway.PermissionSet, grants []granted) Line {
	where := "the project"
	if need.Organization {
		where = "the organization"
	}
	var conditional, elsewhere, amiss *granted
	fenced := ""
	for i, g := range grants {
		as, is := g.holds(need.Name)
		within, holds, known := f.within(g, need)
		switch {
		case !is:
		case !g.reachesScope(need, f.project):
			elsewhere = &grants[i]
		case !known:
			conditional = &grants[i]
		case !holds:
			amiss = &grants[i]
		default:
			by := g.String()
			if as != need.Name {
				by = "as part of " + as + ", " + by
			}
			if f.used(need.Name) {
				by += "; its own dry run used it"
			}
			if refused := f.refusedFor(need.Name); refused != "" {
				return wrong(f.grantCommand(need), "%s on %s: %s; its own dry run was refused all the same: %s", need.Name, where, by, refused)
			}
			if within == "" {
				return right("%s on %s: %s", need.Name, where, by)
			}
			fenced = fmt.Sprintf("%s on %s%s: %s", need.Name, where, within, by)
		}
	}
	mend := f.grantCommand(need)
	switch {
	case fenced != "":
		return right("%s", fenced)
	case amiss != nil:
		folder, _ := scaleway.FolderOf(amiss.Condition)
		return wrong(makeSetup, "%s is granted in %s alone (%s), and ROTATOR_SECRET_PATH is %s: without it the function cannot %s", need.Name, folder, amiss, f.settings.SecretPath, need.Why)
	case conditional != nil:
		return warning(mend, "%s on %s is granted on a condition alone (%s: %s): whether it holds when the function calls cannot be told",
			need.Name, where, conditional, conditional.Condition)
	case elsewhere != nil:
		return wrong(mend, "%s is missing on %s, and granted on %s only (%s): without it the function cannot %s", need.Name, where, elsewhere.scoped(), elsewhere, need.Why)
	}
	return wrong(mend, "%s is missing on %s: without it the function cannot %s", need.Name, where, need.Why)
}

// grantCommand adds a policy with one permission set, on the condition that setup puts
// on it. Where setup made the policy, setup mends it.
func (f *facts) grantCommand(need scaleway.PermissionSet) string {
	for _, p := range f.policies {
		if p.Description == setupDescription+f.project && f.reaches(p, f.own()) {
			return makeSetup
		}
	}
	at := "rules.0.project-ids.0=" + f.project
	if need.Organization {
		at = "rules.0.organization-id=" + f.organization
	}
	if condition := (scaleway.Fence{Folder: f.settings.SecretPath}).Condition(need); condition != "" {
		at += " rules.0.condition=" + quoted(condition)
	}
	return "scw iam policy create name=key-rotator-" + strings.ToLower(need.Name) + " application-id=" + f.own() + " rules.0.permission-set-names.0=" + need.Name + " " + at
}

// setupDescription begins what setup knows the function's policy by (local/setup).
const setupDescription = "key-rotator of project "

// quoted is a word of the shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// tooMuch warns of each set, and each scope, that README's policy does not have.
func tooMuch(f *facts) []Line {
	if f.own() == "" {
		return nil
	}
	var out []Line
	sure, possible := f.grants()
	for _, g := range sure {
		out = append(out, f.beyond(g)...)
	}
	for _, g := range possible {
		out = append(out, warning("scw iam policy get "+g.policy.PolicyID, "%s gives %s on %s to nobody that it names, so maybe to the function",
			g, strings.Join(g.PermissionSets, ", "), g.scoped()))
	}
	if len(out) == 0 && f.iamErr == nil {
		out = append(out, right("nothing more is granted than README.md's policy has"))
	}
	return out
}

func (f *facts) beyond(g granted) []Line {
	var out []Line
	mend := f.narrowCommand(g.policy, scaleway.Fence{})
	for _, set := range g.PermissionSets {
		need, known := needed(set)
		switch {
		case !known && len(wider(set)) > 0:
			out = append(out, warning(mend, "%s gives %s on %s, which is more than README.md's policy: put %s in its place", g, set, g.scoped(), strings.Join(wider(set), ", ")))
		case !known:
			out = append(out, warning(mend, "%s gives %s on %s, which the function does not need: take it out", g, set, g.scoped()))
		case need.Organization:
		case g.Organization:
			out = append(out, warning(mend, "%s gives %s on the whole organization, and the function needs it on this project: narrow it", g, set))
		case slices.ContainsFunc(g.ProjectIDs, func(id string) bool { return id != f.project }):
			out = append(out, warning(mend, "%s gives %s on %s, and the function needs it on this project: take the others out", g, set, g.scoped()))
		}
	}
	return out
}

func needed(set string) (scaleway.PermissionSet, bool) {
	policy := append(scaleway.Policy(), scaleway.Optional()...)
	i := slices.IndexFunc(policy, func(p scaleway.PermissionSet) bool { return p.Name == set })
	if i < 0 {
		return scaleway.PermissionSet{}, false
	}
	return policy[i], true
}

// narrowCommand gives a policy what of it the function needs, where it needs it, on
// the conditions that were there, and where there was none on those of a fence. The
// command replaces all rules.
func (f *facts) narrowCommand(p scaleway.Principal, fence scaleway.Fence) string {
	if group := f.through(p, f.own()); p.ApplicationID == "" && group != "" {
		return fmt.Sprintf("scw iam group remove-member %s application-id=%s, and give the application a policy of its own", group, f.own())
	}
	if p.Description == setupDescription+f.project {
		return makeSetup
	}
	type part struct {
		sets             []string
		scope, condition string
	}
	var parts []part
	for _, organization := range []bool{true, false} {
		scope := "project-ids.0=" + f.project
		if organization {
			scope = "organization-id=" + f.organization
		}
		for _, g := range f.rules[p.PolicyID] {
			for _, set := range g.PermissionSets {
				sets := wider(set)
				if _, known := needed(set); known {
					sets = []string{set}
				}
				for _, name := range sets {
					need, _ := needed(name)
					if need.Organization != organization || !(granted{Grant: g}).reachesScope(need, f.project) {
						continue
					}
					condition := cmp.Or(g.Condition, fence.Condition(need))
					i := slices.IndexFunc(parts, func(p part) bool { return p.scope == scope && p.condition == condition })
					if i < 0 {
						i = len(parts)
						parts = append(parts, part{scope: scope, condition: condition})
					}
					if !slices.Contains(parts[i].sets, name) {
						parts[i].sets = append(parts[i].sets, name)
					}
				}
			}
		}
	}
	if len(parts) == 0 {
		return "scw iam policy delete " + p.PolicyID
	}
	words := []string{"scw iam rule update", p.PolicyID}
	for rule, part := range parts {
		for i, set := range part.sets {
			words = append(words, fmt.Sprintf("rules.%d.permission-set-names.%d=%s", rule, i, set))
		}
		if part.condition != "" {
			words = append(words, fmt.Sprintf("rules.%d.condition=%s", rule, quoted(part.condition)))
		}
		words = append(words, fmt.Sprintf("rules.%d.%s", rule, part.scope))
	}
	return strings.Join(words, " ")
}
