#include "contracts.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

// A new kind is one entry; JobKindsTests finds the one that is missing.
static const PRAContract contracts[] = {
  {"command", (const unsigned char[]){
#embed "../../../workers/command/contract.json" suffix(, 0)
  }},
  {"compare", (const unsigned char[]){
#embed "../../../workers/compare/contract.json" suffix(, 0)
  }},
  {"evaluate", (const unsigned char[]){
#embed "../../../workers/evaluate/contract.json" suffix(, 0)
  }},
  {"features", (const unsigned char[]){
#embed "../../../workers/features/contract.json" suffix(, 0)
  }},
  {"ingest", (const unsigned char[]){
#embed "../../../workers/ingest/contract.json" suffix(, 0)
  }},
  {"neighbours", (const unsigned char[]){
#embed "../../../workers/neighbours/contract.json" suffix(, 0)
  }},
  {"probe", (const unsigned char[]){
#embed "../../../workers/probe/contract.json" suffix(, 0)
  }},
  {"reference", (const unsigned char[]){
#embed "../../../workers/reference/contract.json" suffix(, 0)
  }},
  {"sample", (const unsigned char[]){
#embed "../../../workers/sample/contract.json" suffix(, 0)
  }},
  {"train", (const unsigned char[]){
#embed "../../../workers/train/contract.json" suffix(, 0)
  }},
};

const PRAContract *pra_contracts(size_t *count) {
  *count = sizeof contracts / sizeof contracts[0];
  return contracts;
}
