// Package price belongs to the module around the actor.
package price

// Due is what is left to pay.
func Due(total float64) float64 { return total * 0.9 }
