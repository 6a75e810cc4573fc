// Package scales reads how many replicas the owners of pods want whose kinds are not read: of their scale subresource, if they have one.
package scales
