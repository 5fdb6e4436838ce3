package csr

// What the tests of this package look at beyond what is exported. They stand outside, beside the specs that they share with the
// tests of the rules.
type DryRun = dryRun

const MaxFaults = maxFaults

var (
	Bounded          = bounded
	Encode           = encode
	Generate         = generate
	IsPlain          = isPlain
	Try              = try
	TryWith          = tryWith
	RefusedByWebhook = refusedByWebhook
)

func (d *DryRun) Err() error           { return d.err }
func (d *DryRun) Violations() []string { return d.violations }
func (d *DryRun) OK() bool             { return d.ok() }
