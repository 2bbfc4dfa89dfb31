-- Counts of people and organizations at meetings, for each part of each breakdown and for the groups of the
-- observations, and which of them are too small to show (semantics.md, People).

{% set smallest_shown_people = 5 %}
{% set smallest_shown_mine_victims = 10 %}

with

participations as (
    select
        *,
        case when is_mine_victim then person_key end as mine_victim_key,
        case when gender = 'female' then 1 else 0 end as is_woman,
        case when gender <> 'unknown' then 1 else 0 end as is_gender_known
    from {{ ref('int_participations') }}
),

cells as (
    {% for breakdown, breakdown_value, mine_victim_key, organization_key in [
        ('total', "'all'", 'mine_victim_key', 'survivor_organization_key'),
        ('meeting', 'meeting_id', 'mine_victim_key', 'survivor_organization_key'),
        ('delegation_kind', 'delegation_kind', 'mine_victim_key', 'survivor_organization_key'),
        ('group', "concat(meeting_id, '|', delegation_kind)", 'mine_victim_key', 'survivor_organization_key'),
        ('kind', "'mine_victims'", 'mine_victim_key', 'null'),
        ('kind', "'survivor_organizations'", 'null', 'survivor_organization_key'),
    ] %}
    select
        reporting_year,
        '{{ breakdown }}' as breakdown,
        {{ breakdown_value }} as breakdown_value,
        {{ mine_victim_key }} as mine_victim_key,
        {{ organization_key }} as survivor_organization_key,
        is_woman,
        is_gender_known
    from participations
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

counts as (
    select
        reporting_year,
        breakdown,
        breakdown_value,
        count(distinct mine_victim_key) as mine_victim_count,
        count(distinct survivor_organization_key) as survivor_organization_count,
        sum(is_woman) as women_count,
        sum(is_gender_known) as gender_known_count
    from cells
    group by reporting_year, breakdown, breakdown_value
),

measured as (
    select
        reporting_year,
        'participant_count' as rule,
        breakdown,
        breakdown_value,
        mine_victim_count + survivor_organization_count as numerator,
        cast(null as bigint) as denominator,
        mine_victim_count between 1 and {{ smallest_shown_mine_victims - 1 }} as is_small,
        case when breakdown = 'kind' then survivor_organization_count else mine_victim_count end as size
    from counts
    where breakdown in ('total', 'meeting', 'kind', 'group')
    union all
    select
        reporting_year,
        'participant_share' as rule,
        breakdown,
        breakdown_value,
        women_count as numerator,
        gender_known_count as denominator,
        women_count between 1 and {{ smallest_shown_people - 1 }}
        or gender_known_count - women_count between 1 and {{ smallest_shown_people - 1 }} as is_small,
        gender_known_count as size
    from counts
    where breakdown in ('total', 'meeting', 'delegation_kind', 'group')
),

-- one hidden part alone could be had by subtraction, so the next smallest goes with it
ranked as (
    select
        *,
        sum(case when is_small then 1 else 0 end) over (
            partition by reporting_year, rule, breakdown
        ) as small_parts,
        row_number() over (
            partition by reporting_year, rule, breakdown
            order by case when not is_small and size >= 1 then 0 else 1 end, size, breakdown_value
        ) as place
    from measured
)

select
    reporting_year,
    rule,
    breakdown,
    breakdown_value,
    numerator,
    denominator,
    breakdown <> 'total'
    and (is_small or (small_parts = 1 and place = 1 and size >= 1)) as is_suppressed
from ranked
