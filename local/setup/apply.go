package setup

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	iam "github.com/scaleway/scaleway-sdk-go/api/iam/v1alpha1"
	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

type application = scaleway.Application

// Permission sets that the caller needs.
const (
	needApplications = "IAMApplicationManager (or IAMManager)"
	needPolicies     = "IAMPolicyManager (or IAMManager)"
)

// Apply does the steps in their order, marks each that is done, and stops at the
// first that fails.
func Apply(ctx context.Context, o Options, f Facts, steps []Step, done func(Step)) error {
	sdk, err := o.sdk(ctx)
	if err != nil {
		return err
	}
	a := applying{api: iam.NewAPI(sdk), facts: f, root: o.Root, ids: map[Role]string{}}
	for _, role := range Roles() {
		app, err := f.application(role)
		if err != nil {
			return err
		}
		if app != nil {
			a.ids[role] = app.ID
		}
	}
	if slices.ContainsFunc(steps, func(s Step) bool { return s.Action == Write }) {
		if a.draft, err = newDraft(f.Env.Path); err != nil {
			return err
		}
		defer a.draft.drop()
	}
	for i := range steps {
		if err := ctx.Err(); err != nil {
			return failed(steps[i].Text, "", err)
		}
		if err := a.step(ctx, &steps[i]); err != nil {
			return err
		}
		steps[i].Done = true
		done(steps[i])
	}
	return nil
}

type applying struct {
	api   *iam.API
	facts Facts
	root  string
	ids   map[Role]string // of applications that are there
	draft *draft
}

func (a *applying) step(ctx context.Context, s *Step) error {
	with := scw.WithContext(ctx)
	description := Description(s.Role, a.facts.ProjectID)
	act := fmt.Sprintf("%s %s %q", s.Action, s.What, s.Name)
	switch {
	case s.What == ".env":
		return a.write(*s)
	case s.Action == Make && s.What == "application":
		made, err := a.api.CreateApplication(&iam.CreateApplicationRequest{
			Name: s.Name, OrganizationID: a.facts.Organization, Description: description, Tags: []string{"key-rotator"},
		}, with)
		if err != nil {
			return failed(act, needApplications, err)
		}
		s.ID, a.ids[s.Role] = made.ID, made.ID
	case s.Action == Make:
		id := a.ids[s.Role]
		made, err := a.api.CreatePolicy(&iam.CreatePolicyRequest{
			Name: s.Name, OrganizationID: a.facts.Organization, Description: description, Tags: []string{"key-rotator"},
			ApplicationID: &id, Rules: a.specs(s.rules),
		}, with)
		if err != nil {
			return failed(act, needPolicies, err)
		}
		s.ID = made.ID
	case s.Action == Change && s.attach:
		id := a.ids[s.Role]
		_, err := a.api.UpdatePolicy(&iam.UpdatePolicyRequest{PolicyID: s.ID, ApplicationID: &id}, with)
		if err != nil {
			return failed(act, needPolicies, err)
		}
	case s.Action == Change:
		if _, err := a.api.SetRules(&iam.SetRulesRequest{PolicyID: s.ID, Rules: a.specs(s.rules)}, with); err != nil {
			return failed(act, needPolicies, err)
		}
	case s.What == "policy":
		if err := a.api.DeletePolicy(&iam.DeletePolicyRequest{PolicyID: s.ID}, with); err != nil {
			return failed(act, needPolicies, err)
		}
	default:
		if err := a.api.DeleteApplication(&iam.DeleteApplicationRequest{ApplicationID: s.ID}, with); err != nil {
			return failed(act, needApplications, err)
		}
	}
	return nil
}

func (a *applying) specs(list []Rule) []*iam.RuleSpecs {
	var specs []*iam.RuleSpecs
	for _, r := range list {
		spec := &iam.RuleSpecs{PermissionSetNames: &r.Sets, Condition: r.Condition}
		if r.Organization {
			spec.OrganizationID = &a.facts.Organization
		} else {
			spec.ProjectIDs = &r.Projects
		}
		specs = append(specs, spec)
	}
	return specs
}

// write fills .env. A control secret is made up here, and nowhere shown.
func (a *applying) write(s Step) error {
	now, err := readDotEnv(a.root)
	if err != nil {
		return err
	}
	if now.Text != a.facts.Env.Text || now.Exists != a.facts.Env.Exists { // a person had time while we asked
		return errors.New(".env: was changed meanwhile, and is left as it is; run the same again, and it goes on from here")
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	text := a.facts.Env.with(s.fill, map[string]string{
		projectVariable: a.facts.ProjectID, organizationVariable: a.facts.Organization,
		controlSecret: hex.EncodeToString(secret), probeApplication: a.ids[Checking],
	}, s.drop)
	return a.draft.put(text)
}
