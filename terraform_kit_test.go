package rotator_test

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/scw-key-rotator/rotator/internal/config"
)

// terraform is a module, parsed.
type terraform struct {
	texts                map[string][]byte
	resources, variables map[string]*hclsyntax.Body
}

func terraformModule(t *testing.T, texts map[string]string) terraform {
	t.Helper()
	m := terraform{map[string][]byte{}, map[string]*hclsyntax.Body{}, map[string]*hclsyntax.Body{}}
	for name, text := range texts {
		m.texts[name] = []byte(text)
		for _, block := range parseHCL(t, name, text).Blocks {
			switch block.Type {
			case "resource":
				m.resources[strings.Join(block.Labels, ".")] = block.Body
			case "variable":
				m.variables[block.Labels[0]] = block.Body
			}
		}
	}
	return m
}

func parseHCL(t *testing.T, name, text string) *hclsyntax.Body {
	t.Helper()
	file, problems := hclparse.NewParser().ParseHCL([]byte(text), name)
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	return file.Body.(*hclsyntax.Body)
}

// value is an attribute's, and an absent one's null. What is given goes before
// the variables' defaults.
func (m terraform) value(t *testing.T, body *hclsyntax.Body, name string, gives map[string]cty.Value) cty.Value {
	t.Helper()
	attribute, ok := body.Attributes[name]
	if !ok {
		return cty.NullVal(cty.DynamicPseudoType)
	}
	variables := map[string]cty.Value{}
	for name, body := range m.variables {
		variables[name] = cty.StringVal("var." + name)
		if _, ok := body.Attributes["default"]; ok {
			value, problems := body.Attributes["default"].Expr.Value(nil)
			if problems.HasErrors() {
				t.Fatal(problems)
			}
			variables[name] = value
		}
	}
	maps.Copy(variables, gives)
	scope := map[string]cty.Value{"var": cty.ObjectVal(variables)}
	for name := range m.resources {
		kind, label, _ := strings.Cut(name, ".")
		scope[kind] = cty.ObjectVal(map[string]cty.Value{label: cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal(name)})})
	}
	value, problems := attribute.Expr.Value(&hcl.EvalContext{Variables: scope, Functions: functions})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	return value
}

// functions are those of Terraform that the module and the page use.
var functions = map[string]function.Function{
	"merge": stdlib.MergeFunc, "lookup": stdlib.LookupFunc, "keys": stdlib.KeysFunc, "length": stdlib.LengthFunc, "setsubtract": stdlib.SetSubtractFunc,
	"jsonencode": stdlib.JSONEncodeFunc, "jsondecode": stdlib.JSONDecodeFunc,
	"filesha256":   ofText(func(s string) string { return "hash of " + s }),
	"nonsensitive": ofText(func(s string) string { return s }),
	"base64decode": ofText(func(s string) string {
		text, _ := base64.StdEncoding.DecodeString(s)
		return string(text)
	}),
}

func ofText(f func(string) string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "text", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.StringVal(f(args[0].AsString())), nil
		},
	})
}

func (m terraform) deploys(t *testing.T, settings map[string]string) deployment {
	t.Helper()
	fn, cron := m.resources["scaleway_function.rotator"], m.resources["scaleway_function_cron.rotator"]
	namespace, policy := m.resources["scaleway_function_namespace.rotator"], m.resources["scaleway_iam_policy.rotator"]
	if fn == nil || cron == nil || namespace == nil || policy == nil || m.resources["scaleway_iam_application.rotator"] == nil {
		t.Fatal("the module has no application, policy, namespace, function or cron rotator")
	}
	for _, link := range []struct {
		body             *hclsyntax.Body
		name, leads, why string
	}{
		{policy, "application_id", "scaleway_iam_application.rotator", "the policy is the application's"},
		{namespace, "project_id", "var.project_id", "the function is in the project that it looks after"},
		{fn, "namespace_id", "scaleway_function_namespace.rotator", "the function is in the namespace"},
		{fn, "zip_file", "var.archive", "the archive is deployed"},
		{fn, "zip_hash", "hash of var.archive", "another archive is deployed, too"},
		{cron, "function_id", "scaleway_function.rotator", "the cron calls the function"},
	} {
		if got := m.text(t, link.body, link.name); got != link.leads {
			t.Errorf("%s is %q, want %q: %s", link.name, got, link.leads, link.why)
		}
	}
	if !m.value(t, fn, "deploy", nil).RawEquals(cty.True) {
		t.Error("deploy is not true: the function would never be built")
	}
	all := map[string]cty.Value{
		"settings":         stringsToCty(settings),
		"first_access_key": cty.StringVal("var.first_access_key"), "first_secret_key": cty.StringVal("var.first_secret_key"),
	}
	return deployment{
		Namespace: m.text(t, namespace, "name"), Name: m.text(t, fn, "name"), Description: m.text(t, fn, "description"),
		Region:  m.text(t, fn, "region"),
		Runtime: m.text(t, fn, "runtime"), Handler: m.text(t, fn, "handler"),
		Privacy: m.text(t, fn, "privacy"), HTTPOption: m.text(t, fn, "http_option"),
		Min: m.whole(t, fn, "min_scale"), Max: m.whole(t, fn, "max_scale"),
		Memory: m.whole(t, fn, "memory_limit"), Timeout: m.whole(t, fn, "timeout"),
		Plain:    m.mapping(t, fn, "environment_variables", all),
		Secret:   m.mapping(t, fn, "secret_environment_variables", all),
		Bare:     slices.Sorted(maps.Keys(m.mapping(t, fn, "environment_variables", nil))),
		Accepted: m.accepted(t),
		Ignored:  m.lifecycle(t, fn, "ignore_changes"),
		Follows:  m.lifecycle(t, cron, "replace_triggered_by"),
		Schedule: m.text(t, cron, "schedule"), Input: m.text(t, cron, "args"),
		Sets: m.sets(t, policy, all),
	}
}

func (m terraform) text(t *testing.T, body *hclsyntax.Body, name string) string {
	t.Helper()
	value := m.value(t, body, name, nil)
	if value.IsNull() || value.Type() != cty.String {
		t.Fatalf("%s is %#v, want a text", name, value)
	}
	return value.AsString()
}

func (m terraform) whole(t *testing.T, body *hclsyntax.Body, name string) int {
	t.Helper()
	value := m.value(t, body, name, nil)
	if value.IsNull() || value.Type() != cty.Number {
		t.Fatalf("%s is %#v, want a number", name, value)
	}
	n, _ := value.AsBigFloat().Int64()
	return int(n)
}

func (m terraform) mapping(t *testing.T, body *hclsyntax.Body, name string, gives map[string]cty.Value) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for key, value := range m.value(t, body, name, gives).AsValueMap() {
		texts[key] = value.AsString()
	}
	return texts
}

// accepted asks the variable's validation about every setting there is, one at a
// time, and about one that there is not.
func (m terraform) accepted(t *testing.T) (names []string) {
	t.Helper()
	for _, block := range m.variables["settings"].Blocks {
		for _, name := range append(config.Names(), "ROTATOR_NO_SETTING") {
			one := map[string]cty.Value{"settings": stringsToCty(map[string]string{name: ""})}
			if m.value(t, block.Body, "condition", one).True() {
				names = append(names, name)
			}
		}
	}
	return slices.Sorted(slices.Values(names))
}

// lifecycle is a list of references in a resource's lifecycle, as the module's
// text has them.
func (m terraform) lifecycle(t *testing.T, resource *hclsyntax.Body, name string) (references []string) {
	t.Helper()
	for _, block := range resource.Blocks {
		list, ok := block.Body.Attributes[name]
		if block.Type != "lifecycle" || !ok {
			continue
		}
		items, problems := hcl.ExprList(list.Expr)
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		for _, item := range items {
			references = append(references, string(item.Range().SliceBytes(m.texts[item.Range().Filename])))
		}
	}
	return slices.Sorted(slices.Values(references))
}

// sets are what the policy grants, where, and on which condition.
func (m terraform) sets(t *testing.T, policy *hclsyntax.Body, gives map[string]cty.Value) (sets []string) {
	t.Helper()
	for _, rule := range policy.Blocks {
		var scopes []string
		if organization := m.value(t, rule.Body, "organization_id", nil); !organization.IsNull() {
			scopes = append(scopes, organization.AsString())
		}
		if projects := m.value(t, rule.Body, "project_ids", nil); !projects.IsNull() {
			for _, project := range projects.AsValueSlice() {
				scopes = append(scopes, project.AsString())
			}
		}
		condition := ""
		if value := m.value(t, rule.Body, "condition", gives); !value.IsNull() && value.AsString() != "" {
			condition = " if " + value.AsString()
		}
		for _, set := range m.value(t, rule.Body, "permission_set_names", nil).AsValueSlice() {
			sets = append(sets, set.AsString()+" on "+strings.Join(scopes, " and ")+condition)
		}
	}
	return slices.Sorted(slices.Values(sets))
}

func stringsToCty(texts map[string]string) cty.Value {
	values := map[string]cty.Value{}
	for name, text := range texts {
		values[name] = cty.StringVal(text)
	}
	if len(values) == 0 {
		return cty.MapValEmpty(cty.String)
	}
	return cty.MapVal(values)
}
