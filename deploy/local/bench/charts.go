package bench

import (
	"fmt"
	"time"

	"github.com/certyun/certyun/deploy/local/bench/chart"
	"github.com/certyun/certyun/deploy/local/stage"
)

func floorSeries() chart.Series {
	return chart.Series{Name: "the floor: a solver that returns at once, records visible at once, plus the propagation", Colour: "#8b949e"}
}

func certyunSeries() chart.Series {
	return chart.Series{Name: "certyun with waitInsteadOfSelfCheck: 0s", Colour: "#2da44e"}
}

// chartOne shows the mean of both providers.
func (r *Report) chartOne() chart.Chart {
	c := chart.Chart{
		Title:       "One certificate for an apex and its wildcard: seconds until it is ready",
		Description: "Bars for four ways to a certificate, in groups by the time that DNS records take to appear.",
		Unit:        "s",
		Series: []chart.Series{
			floorSeries(), certyunSeries(),
			{Name: "certyun with cert-manager's self check", Colour: "#4a8fd9"},
			{Name: "the same with certyun's wait turned off, as plain webhooks work", Colour: "#d4762c"},
		},
	}
	for _, propagation := range propagations() {
		group := chart.Group{Label: "records after " + inSeconds(propagation)}
		for series, w := range []way{wayFloor, wayCertyun, wayCertyunChecked, wayPlain} {
			value := mean(providers(), func(p stage.Provider) float64 { return r.one(p.Title, w, propagation) })
			group.Bars = append(group.Bars, chart.Bar{Series: series, Value: value})
		}
		c.Groups = append(c.Groups, group)
	}
	return c
}

// chartBatches shows the mean of the providers that were measured.
func (r *Report) chartBatches() chart.Chart {
	value := func(w way) float64 {
		return mean(r.batchProviders(), func(p stage.Provider) float64 { return r.batch(p.Title, w) })
	}
	return chart.Chart{
		Title:       fmt.Sprintf("Many certificates at once, records after %s: seconds until the last is ready", inSeconds(batchPropagation)),
		Description: "Bars for the floor and certyun with a hundred certificates, and for a plain webhook with ten.",
		Unit:        "s",
		Series: []chart.Series{
			floorSeries(), certyunSeries(),
			{Name: "a webhook that returns at once, with cert-manager's self check", Colour: "#d4762c"},
		},
		Groups: []chart.Group{
			{
				Label: fmt.Sprintf("%d certificates", hundred),
				Bars:  []chart.Bar{{Series: 0, Value: value(wayFloor)}, {Series: 1, Value: value(wayCertyun)}},
			},
			{Label: fmt.Sprintf("only %d certificates", ten), Bars: []chart.Bar{{Series: 2, Value: value(wayPlain)}}},
		},
	}
}

// batchProviders are those that a hundred certificates were measured with.
func (r *Report) batchProviders() []stage.Provider {
	var measured []stage.Provider
	for _, p := range providers() {
		if r.batch(p.Title, wayCertyun) > 0 {
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

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.0f s", d.Seconds()) }
