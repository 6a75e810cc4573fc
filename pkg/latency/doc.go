// Package latency answers how long a round trip between two places takes, in milliseconds.
//
// # Where a figure comes from
//
// Every answer names its basis, its source and its date. The first of these that speaks of the pair is the answer:
//
//  1. a sample of a LatencyMap (BasisOverride): the newest one that is not expired; a sample holds in both directions
//     unless the other direction has its own;
//  2. the built-in matrix (BasisMeasured, or BasisUpperEstimate where the two directions of the measurement disagreed
//     and the larger was kept). Azure pairs are Microsoft's medians of 2026-03, each direction its own figure, or the
//     other direction's where one is missing; every other pair was measured in 2022-04 and is the same both ways. Of
//     four figures below the speed of light two are impossible and left out (see hack/catalog/latency); two are kept:
//     they are pairs within Northern Virginia, whose published coordinates are farther apart than the buildings;
//  3. for a country of clients: the median of the measured round trips from the cloud regions standing in that country
//     (BasisProxy); the mean of the middle two where their number is even. The target itself has no measured round
//     trip to itself, so where it stands in the country the other regions of the country speak for it;
//  4. within one region of one cloud: [sameRegionMilliseconds] (BasisEstimate), since nobody measured it. Zones are not
//     told apart;
//  5. a great-circle estimate between known coordinates (BasisEstimate), see [estimateMilliseconds]; for clients from
//     the coordinates of their country;
//  6. otherwise the answer is unknown (BasisUnknown). Unknown is never zero and never a guess: [RoundTrip.Known] is
//     false and the milliseconds mean nothing.
//
// # What a figure does not contain
//
// Figures are network round trips between data centres, medians where the source says so. The last mile from a client
// to the network of its country, the time a server takes and the round trips a protocol adds (TCP, TLS) are not in them.
//
// # What is promised
//
// A known figure is above zero and finite. Without LatencyMaps a pair that has an Azure region at most at one end is
// the same both ways; between two Azure regions the directions differ by at most what Microsoft published (6 ms in the
// data of 2026-03). Measured round trips do not obey the triangle inequality, since routes are not shortest paths.
package latency
