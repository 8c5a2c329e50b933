// The classes of a data set, for stages that need their names and none of its pixels.

import Configuration
import Images

extension ClassTable {
  package init(_ data: PackedDataSet) {
    var images = [Int](repeating: 0, count: data.classes.count)
    for label in data.labels { images[label] += 1 }
    self.init(names: data.classes, images: images)
  }
}
