    if ((lane == 0u) & (n > 0u)) {
        y[row] = largest + log(sum);
    }
