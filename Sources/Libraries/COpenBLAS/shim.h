#include <stdint.h>
#include <cblas.h>

/// LAPACK's divide-and-conquer eigenvalues of a symmetric matrix. It is part of OpenBLAS, whose
/// packages do not all ship lapacke.h.
void dsyevd_(char *jobz, char *uplo, int32_t *n, double *a, int32_t *lda, double *w, double *work,
             int32_t *lwork, int32_t *iwork, int32_t *liwork, int32_t *info);

/// LAPACK's Cholesky factor of a symmetric matrix; info is above 0 if it has none.
void dpotrf_(char *uplo, int32_t *n, double *a, int32_t *lda, int32_t *info);
