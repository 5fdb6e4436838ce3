package schema

import (
	"slices"
	"testing"
)

// BenchmarkValidate judges the whole corpus again and again.
func BenchmarkValidate(b *testing.B) {
	objects := corpus(b)
	for _, kind := range []string{"Certificate", "Issuer", "ClusterIssuer", "Ingress"} {
		of := slices.DeleteFunc(slices.Clone(objects), func(o map[string]any) bool { return o["kind"] != kind })
		b.Run(kind, func(b *testing.B) {
			validator := New()
			if _, err := validator.Validate(b.Context(), of[0]); err != nil {
				b.Fatal(err)
			}
			n := 0
			for b.Loop() {
				if _, err := validator.Validate(b.Context(), of[n%len(of)]); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}

// BenchmarkCompile reads each schema.
func BenchmarkCompile(b *testing.B) {
	for _, kind := range definedKinds() {
		b.Run(kind.kind, func(b *testing.B) {
			for b.Loop() {
				if _, err := compile(kind.file); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
