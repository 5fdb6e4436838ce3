package bench

import (
	"fmt"
	"time"

	"github.com/certyun/certyun/deploy/local/bench/chart"
	"github.com/certyun/certyun/deploy/local/stage"
)

func basisSeries() chart.Series {
	return chart.Series{Name: "the least: what certyun takes with records at once, plus the propagation, once", Colour: "#8b949e"}
}

func certyunSeries() chart.Series {
	return chart.Series{Name: "certyun with waitInsteadOfSelfCheck: 0s", Colour: "#2da44e"}
}

// chartOne shows the mean of both providers.
func (r *Report) chartOne() chart.Chart {
	c := chart.Chart{
		Title:       "One certificate for an apex and its wildcard: seconds until it is ready",
		Description: "Bars for three ways to a certificate and the least that it can take, in groups by the time that DNS records take to appear.",
		Unit:        "s",
		Series: []chart.Series{
			basisSeries(), certyunSeries(),
			{Name: "certyun with cert-manager's self check", Colour: "#4a8fd9"},
			{Name: "the same with certyun's waits turned off, as plain webhooks work", Colour: "#d4762c"},
		},
	}
	for _, propagation := range propagations() {
		group := chart.Group{Label: recordsAfter(propagation)}
		if propagation > 0 {
			value := mean(providers(), func(p stage.Provider) float64 { return r.oneBasis(p.Title, propagation) })
			group.Bars = append(group.Bars, chart.Bar{Series: 0, Value: value})
		}
		for i, w := range []way{wayCertyun, wayCertyunChecked, wayPlain} {
			value := mean(providers(), func(p stage.Provider) float64 { return r.one(p.Title, w, propagation) })
			group.Bars = append(group.Bars, chart.Bar{Series: i + 1, Value: value})
		}
		c.Groups = append(c.Groups, group)
	}
	return c
}

// chartBatches shows the mean of the providers that were measured.
func (r *Report) chartBatches() chart.Chart {
	c := chart.Chart{
		Title:       fmt.Sprintf("%d certificates at once: seconds until the last is ready", hundred),
		Description: "Bars for certyun and the least that it can take, by the time that DNS records take to appear, and for a plain webhook with ten certificates.",
		Unit:        "s",
		Series: []chart.Series{
			basisSeries(), certyunSeries(),
			{Name: fmt.Sprintf("only %d, with certyun's waits turned off and cert-manager's self check, as plain webhooks work", ten), Colour: "#d4762c"},
		},
	}
	value := func(of func(provider string, propagation time.Duration) float64, propagation time.Duration) float64 {
		return mean(r.batchProviders(), func(p stage.Provider) float64 { return of(p.Title, propagation) })
	}
	by := func(w way) func(string, time.Duration) float64 {
		return func(provider string, propagation time.Duration) float64 { return r.batch(provider, w, propagation) }
	}
	for _, propagation := range batchPropagations() {
		group := chart.Group{Label: recordsAfter(propagation)}
		if propagation > 0 {
			group.Bars = append(group.Bars, chart.Bar{Series: 0, Value: value(r.batchBasis, propagation)})
		}
		group.Bars = append(group.Bars, chart.Bar{Series: 1, Value: value(by(wayCertyun), propagation)})
		if plain := value(by(wayPlain), propagation); plain > 0 {
			group.Bars = append(group.Bars, chart.Bar{Series: 2, Value: plain})
		}
		c.Groups = append(c.Groups, group)
	}
	return c
}

// batchProviders are those that a hundred certificates were measured with.
func (r *Report) batchProviders() []stage.Provider {
	var measured []stage.Provider
	for _, p := range providers() {
		if r.batch(p.Title, wayCertyun, 0) > 0 {
			measured = append(measured, p)
		}
	}
	return measured
}

func mean(of []stage.Provider, value func(stage.Provider) float64) float64 {
	sum := 0.0
	for _, p := range of {
		sum += value(p)
	}
	return sum / float64(len(of))
}

func recordsAfter(d time.Duration) string {
	if d == 0 {
		return "records at once"
	}
	return fmt.Sprintf("records after %.0f s", d.Seconds())
}
