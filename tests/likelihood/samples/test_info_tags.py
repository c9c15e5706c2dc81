"""Tags that info files tell, as projects' converters write them."""
from dequity_mmdet3d.likelihood.samples.info_tags import info_tags
from dequity_mmdet3d.tags import MAX_VALUES


def waymo(number, weather, time):
    """As MMDetection3D's converter, and Waymo's stats of the segment."""
    return dict(sample_idx=number, context_name='segment-1', timestamp=number,
                context=dict(stats=dict(weather=weather, time_of_day=time,
                                        location='location_sf')))


def test_waymo():
    tags = info_tags('waymo_infos_train.pkl', ['1', '2'], [
        waymo(1, 'sunny', 'Day'), waymo(2, 'rain', '')])
    assert tags.path == 'waymo_infos_train.pkl' and tags.ids == ('1', '2')
    assert tags.columns == dict(
        weather=('sunny', 'rain'), time_of_day=('Day', 'unknown'),
        location=('location_sf', 'location_sf'))


def test_right_in_the_entry_or_among_attributes():
    tags = info_tags('i', ['a', 'b'], [
        dict(weather=' fog ', location=[1, 2]),
        dict(attributes=dict(weather='rain', timeofday='night'), scene=3)])
    assert tags.columns == dict(weather=('fog', 'rain'),
                                timeofday=('unknown', 'night'))


def test_what_is_no_tag():
    names = [dict(sample_idx=i, scene=f'scene-{i}')
             for i in range(MAX_VALUES + 1)]
    ids = [str(i) for i in range(MAX_VALUES + 1)]
    assert info_tags('i', ids, names) is None
    assert len(info_tags('i', ids[1:], names[1:]).columns['scene']) == 50
    assert info_tags('i', ['a'], [dict(weather=None, instances=[])]) is None
