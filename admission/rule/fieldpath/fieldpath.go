// Package fieldpath writes the paths of the fields that several families of rules speak about.
package fieldpath

import "k8s.io/apimachinery/pkg/util/validation/field"

// Spec is the path of a field of a spec.
func Spec(name string, more ...string) *field.Path {
	return field.NewPath("spec").Child(name, more...)
}

// ACME is the path of a field of an Issuer's ACME part.
func ACME(names ...string) *field.Path {
	return Spec("acme").Child(names[0], names[1:]...)
}

// Solver is the path of one of an Issuer's solvers.
func Solver(i int) *field.Path { return ACME("solvers").Index(i) }

// Annotation is the path of an annotation.
func Annotation(key string) string { return "metadata.annotations[" + key + "]" }
