#include "assets.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char style[] = {
#embed "dashboard.css"
};
static const unsigned char page_script[] = {
#embed "page.js"
};
static const unsigned char chart_script[] = {
#embed "chart.js"
};
static const unsigned char icon[] = {
#embed "icon.svg"
};

static const Asset assets[] = {
    {"dashboard.css", style, sizeof style},
    {"page.js", page_script, sizeof page_script},
    {"chart.js", chart_script, sizeof chart_script},
    {"icon.svg", icon, sizeof icon},
};

const Asset *dashboard_assets(size_t *count) {
  *count = sizeof assets / sizeof *assets;
  return assets;
}
