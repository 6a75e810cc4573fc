package engine

// pieces is a heap: by price, then by pool, so that equal prices have one order.
type pieces []piece

func (h pieces) heapify() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.sink(i)
	}
}

func (h *pieces) pop() piece {
	top := (*h)[0]
	end := len(*h) - 1
	(*h)[0] = (*h)[end]
	*h = (*h)[:end]
	if end > 1 {
		h.sink(0)
	}
	return top
}

func (h pieces) sink(i int) {
	moving := h[i]
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].before(&h[child]) {
			child++
		}
		if !h[child].before(&moving) {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = moving
}

func (p *piece) before(q *piece) bool {
	if p.price != q.price {
		return p.price < q.price
	}
	if p.pool != q.pool {
		return p.pool < q.pool
	}
	return p.max < q.max
}
